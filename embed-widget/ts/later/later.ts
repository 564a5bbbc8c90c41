/** What a visitor needs only after places are chosen, or asks for: fetched then, beside `element.js`. */

export { default as css } from "./later.css";
export { emptyBuyer, held, type BuyerForm } from "./checkout.js";
export { list, listStart, type ListPlace } from "./list.js";
export { Methods } from "./methods.js";
export { Codes, ordered } from "./tickets.js";
