import type { components } from './contract'

/** The shapes of the HTTP API's bodies, as its document has them. */
export type Contract = components['schemas']

/** A factory as everybody shares it. Knows nothing of what one page does with it. */
export interface Factory extends Omit<Contract['Factory'], 'changed_by'> {
  /** Who changed it last: `changed_by` of the API, in the spelling of this code. */
  readonly changedBy?: Contract['UserName']
}

/** Something from the network is not what the contract says. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
}

/** Returns a checked factory: what comes from the network is trusted only after this. */
export function parseFactory(value: unknown): Factory {
  const record: Unchecked<Contract['Factory'] & Factory> = parseRecord(value)
  const { id, name, lower, upper, numbers, revision, changed_by } = record
  // As the API writes it, and as this page keeps it with a draft.
  const changedBy = changed_by ?? record.changedBy
  if (typeof id !== 'string' || typeof name !== 'string') {
    throw new ContractError('a factory needs an id and a name')
  }
  if (!isInteger(lower) || !isInteger(upper) || !isInteger(revision)) {
    throw new ContractError(`factory ${id} needs whole numbers as bounds and revision`)
  }
  if (!Array.isArray(numbers) || !numbers.every(isInteger)) {
    throw new ContractError(`factory ${id} needs a list of whole numbers`)
  }
  if (changedBy !== undefined && typeof changedBy !== 'string') {
    throw new ContractError(`factory ${id} needs text for who changed it`)
  }
  const factory = { id, name, lower, upper, numbers, revision }
  return changedBy === undefined ? factory : { ...factory, changedBy }
}

export function parseFactories(value: unknown): Factory[] {
  if (!Array.isArray(value)) {
    throw new ContractError('a list of factories was expected')
  }
  return value.map(parseFactory)
}

/** A JSON object whose fields have names that are known, and values that are not. */
export type Unchecked<T> = { readonly [key in keyof T]?: unknown }

/** Returns the fields of a JSON object, still unchecked. */
export function parseRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ContractError('a JSON object was expected')
  }
  return value as Record<string, unknown>
}

export function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Returns when a factory was created, in milliseconds since 1970; 0 where its id does not tell. */
export function creationTime(id: string): number {
  return id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : 0
}
