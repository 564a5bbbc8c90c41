/** What both entry points export. */

export { type AnswerOf, type Bytes, type CallOptions, type ClientOptions, type InputOf, type OperationId } from "./client.ts";
export { countdown } from "./countdown.ts";
export * from "./errors.ts";
export type * from "./generated/contract.ts";
export type * from "./generated/webhook-events.ts";
export { CONTRACT_VERSION, VERSION } from "./generated/operations.ts";
export { type Page, Pages } from "./pages.ts";
export { type AreaChange, type Changes, decodeDiff, type Diff, type SeatChange, type SeatState, SeatStates } from "./seat-states.ts";
export type { AvailabilityEvent, EventStreams, StreamOptions } from "./stream.ts";
