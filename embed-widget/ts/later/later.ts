/** What a visitor needs only after places are chosen, or asks for: fetched at the first touch, beside `element.js`. */

export { default as css } from "styles/later/later.css";
export { lines, violations, violationText } from "./basket.js";
export { codeField } from "./codes.js";
export { emptyBuyer, held, type BuyerForm } from "./checkout.js";
export { filterBody } from "./filters.js";
export { Grid } from "./grid.js";
export { Holding } from "./holding.js";
export { list, listStart, type ListPlace } from "./list.js";
export { Methods } from "./methods.js";
export { Ordering } from "../ordering.js";
export { Codes, ordered } from "./tickets.js";
export { Tooltip, type Subject } from "./tooltip.js";
