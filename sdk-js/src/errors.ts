/**
 * What can go wrong, by class and by code. Every class has a `code`; those of the API are in `ErrorCode`, each with its
 * HTTP status. Catch a class, then branch on the code.
 */

import type { BrokenRule, Problem } from "./generated/contract.ts";
import type { ErrorCodes } from "./generated/errors.ts";

/** The codes that the API knows today. */
export type ErrorCode = keyof ErrorCodes;

/** What every error of this SDK has. */
export class EventFlowError extends Error {
  /** A stable code to branch on. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What a failed request was, for logs and for questions to the platform. */
export interface RequestFacts {
  /** The operation, as `holds.create`. */
  operation: string;
  /** In the logs of the server, even when its answer got lost. */
  requestId: string;
  /** The key under which the request can be repeated without a second effect; none for reads. */
  idempotencyKey: string | undefined;
}

/** A request that was sent, and failed. */
export class RequestError extends EventFlowError implements RequestFacts {
  readonly operation: string;
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;

  constructor(code: string, message: string, facts: RequestFacts, options?: ErrorOptions) {
    super(code, `${message} (${facts.operation}, request ${facts.requestId})`, options);
    this.operation = facts.operation;
    this.requestId = facts.requestId;
    this.idempotencyKey = facts.idempotencyKey;
  }
}

/** Nobody answered, or the answer broke off. A change may have happened: repeat it with its `idempotencyKey`. */
export class ConnectionError extends RequestError {}

/** The answer took longer than `timeoutMs`. */
export class TimeoutError extends ConnectionError {}

/** The API refused, with a Problem. */
export class ApiError extends RequestError {
  declare readonly code: ErrorCode | (string & {});
  readonly status: number;
  /** A short summary, the same for every occurrence. */
  readonly title: string;
  /** What is wrong with this request, and the way out. */
  readonly detail: string;
  /** The parameter or field at fault. */
  readonly param: string | undefined;
  /** Labels of the seats, or names of the objects, at fault. */
  readonly objects: string[];
  /** With the code `seat_rules`: each rule that the places break. */
  readonly rules: BrokenRule[];
  /** How long the server wants you to wait; 0 if it says nothing. */
  readonly retryAfterMs: number;

  constructor(problem: Partial<Problem>, status: number, retryAfterMs: number, facts: RequestFacts) {
    const detail = problem.detail || problem.title || `the server answers ${status} without a reason`;
    super(problem.code ?? codeWithoutProblem(status), `${status} ${problem.code ?? ""}: ${detail}`, facts);
    this.status = status;
    this.title = problem.title ?? "";
    this.detail = detail;
    this.param = problem.param ?? undefined;
    this.objects = problem.objects ?? [];
    this.rules = problem.rules ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** 400, 413, 415, 422: the request is wrong; it will not be right the next time. */
export class InvalidRequestError extends ApiError {}
/** 401: the key or token is missing, wrong, revoked or too old. */
export class AuthenticationError extends ApiError {}
/** 403: the credential may not do this, or not from this page. */
export class PermissionError extends ApiError {}
/** 404: there is no such object, or it is not yours. */
export class NotFoundError extends ApiError {}
/** 409: things are not as the request supposes; `seats_taken`, `sold_out`, `hold_expired` and others. */
export class ConflictError extends ApiError {}
/** 429: too many requests, after all repetitions. */
export class RateLimitError extends ApiError {}
/** 5xx: a fault of the platform or of what it depends on, after all repetitions. */
export class ServerError extends ApiError {}

/** A message that claims to be a webhook of the platform, and is not accepted. */
export class WebhookError extends EventFlowError {
  declare readonly code: "header_missing" | "body_parsed" | "secret_malformed" | "too_old" | "too_new" | "signature" | "not_json";
}

/** Why a text is no ticket, named as in every implementation. */
export type TicketErrorCode =
  | "prefix"
  | "length"
  | "alphabet"
  | "not_canonical"
  | "version"
  | "unknown_key"
  | "revoked_key"
  | "signature";

/** A text that is no ticket, or none that can be trusted. */
export class TicketError extends EventFlowError {
  declare readonly code: TicketErrorCode;
}

/** Bytes that are no snapshot and no diff of availability. */
export class FormatError extends EventFlowError {}

/** Whether an error has one of these codes of the API: `if (hasCode(error, "seats_taken", "sold_out")) …` */
export function hasCode<Code extends ErrorCode>(error: unknown, ...codes: Code[]): error is ApiError & { code: Code } {
  return error instanceof ApiError && (codes as string[]).includes(error.code);
}

/** The error for an answer, as its class. */
export function apiError(
  problem: Partial<Problem>,
  status: number,
  retryAfterMs: number,
  facts: RequestFacts,
): ApiError {
  return new (classOf(status))(problem, status, retryAfterMs, facts);
}

function classOf(status: number): typeof ApiError {
  if (status === 401) return AuthenticationError;
  if (status === 403) return PermissionError;
  if (status === 404) return NotFoundError;
  if (status === 409) return ConflictError;
  if (status === 429) return RateLimitError;
  if (status >= 500) return ServerError;
  return status >= 400 ? InvalidRequestError : ApiError;
}

/** Something on the way answered instead of the platform. */
function codeWithoutProblem(status: number): string {
  if (status === 304) return "not_modified";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "unavailable" : "no_problem";
}
