import { parseFactory, type Contract, type Factory, type Unchecked } from './factory'
import type { Field } from './limits'

const FIELDS: readonly string[] = ['name', 'lower', 'upper', 'count'] satisfies Field[]

/** A request that the API answered with a refusal (an RFC 9457 problem document, where it sent one). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'

  constructor(
    readonly status: number,
    detail: string,
    /** The last part of the problem's type, such as `revision-mismatch`. */
    readonly slug: string,
    readonly field?: Field,
    /** The factory as it stands now, when somebody else was quicker. */
    readonly current?: Factory,
    /** The seconds after which the API wants to be asked again. */
    readonly retryAfter?: number,
  ) {
    super(detail)
  }

  /** Whether sending the same request again may be answered otherwise. */
  get isPassing(): boolean {
    return this.status === 429 || this.status >= 500
  }
}

/** No answer came: nobody knows whether the request took effect. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError'
}

/** Whether a request that failed so may have taken effect all the same. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ProblemError && error.status >= 500)
}

/** Reads a refusal. Never fails: gateways on the way answer without a problem document. */
export async function readProblem(response: Response): Promise<ProblemError> {
  const problem = (await response.json().catch(() => undefined)) as
    Unchecked<Contract['Problem']> | null | undefined
  const type = String(problem?.type ?? '')
  const detail = problem?.detail ?? problem?.title
  return new ProblemError(
    response.status,
    typeof detail === 'string' ? detail : describeStatus(response.status),
    type.slice(type.lastIndexOf('/') + 1),
    toField(problem?.field),
    toFactory(problem?.factory),
    toSeconds(response.headers.get('Retry-After')),
  )
}

/** Returns a sentence for a person about anything that a request can fail with. */
export function describeError(error: unknown): string {
  if (error instanceof ProblemError) {
    if (error.status === 401) {
      // Said by the gateway, too, in words that are for no person.
      return describeStatus(error.status)
    }
    return error.isPassing
      ? `${describeStatus(error.status)} Try again in a moment.`
      : error.message
  }
  if (error instanceof NetworkError) {
    return `${error.message} Check the connection and try again.`
  }
  return 'The server sent an answer that this page does not understand. Reload the page.'
}

function describeStatus(status: number): string {
  if (status === 401) {
    return 'Sign in to change the tree. What you typed is kept.'
  }
  if (status === 429) {
    return 'Too many requests at once.'
  }
  return status >= 500
    ? `The server could not do it now (status ${status}).`
    : `The server refused this (status ${status}).`
}

function toField(value: unknown): Field | undefined {
  return FIELDS.includes(String(value)) ? (value as Field) : undefined
}

/** The header may name a date instead, which no part of this API does. */
function toSeconds(value: string | null): number | undefined {
  return value !== null && /^\d{1,4}$/.test(value) ? Number(value) : undefined
}

function toFactory(value: unknown): Factory | undefined {
  try {
    return parseFactory(value)
  } catch {
    return undefined
  }
}
