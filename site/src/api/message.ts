import { ContractError, isInteger, parseFactories, parseFactory, parseRecord } from './factory'
import type { Factory } from './factory'

/** What the live channel tells about one factory. */
export type TreeChange =
  | { readonly type: 'changed'; readonly factory: Factory }
  | { readonly type: 'removed'; readonly id: string; readonly revision: number }

/** What the live channel, or its stand-in, tells about the tree. A snapshot is always the whole tree. */
export type TreeMessage =
  | {
      readonly type: 'snapshot'
      readonly factories: readonly Factory[]
      /**
       * Where the snapshot was read from the table: when, by the page's clock (`performance.now`). It holds everything
       * from before then, and may lack what came later.
       */
      readonly asOf?: number
    }
  | TreeChange

/** A message as the server sends it. `position` is where in the server's order of changes it lies. */
export type ServerMessage =
  | { readonly type: 'hello'; readonly server: string }
  | {
      readonly type: 'snapshot'
      readonly factories: readonly Factory[]
      readonly last: boolean
      readonly position: number
    }
  | { readonly type: 'change'; readonly change: TreeChange; readonly position: number }
  /** The answer to a question for a sign of life. Comes after all that there was to tell by then. */
  | { readonly type: 'pong' }
  | { readonly type: 'unknown' }

/** Reads one text message. A type that is not known here comes from a newer server: it is not an error. */
export function parseServerMessage(text: string): ServerMessage {
  const message = parseRecord(JSON.parse(text))
  switch (message['type']) {
    case 'hello':
      return { type: 'hello', server: requireText(message, 'server') }
    case 'snapshot':
      return {
        type: 'snapshot',
        factories: parseFactories(message['factories']),
        last: message['last'] === true,
        position: requireInteger(message, 'position'),
      }
    case 'pong':
      return { type: 'pong' }
    default: {
      const change = toChange(message)
      return change
        ? { type: 'change', change, position: requireInteger(message, 'position') }
        : { type: 'unknown' }
    }
  }
}

/** Reads one event of an Event API; nothing where it is no change, as a heartbeat, or of a kind not known here. */
export function parseEvent(text: unknown): TreeChange | undefined {
  return toChange(parseRecord(JSON.parse(String(text))))
}

function toChange(message: Record<string, unknown>): TreeChange | undefined {
  switch (message['type']) {
    case 'changed':
      return { type: 'changed', factory: parseFactory(message['factory']) }
    case 'removed':
      return {
        type: 'removed',
        id: requireText(message, 'id'),
        revision: requireInteger(message, 'revision'),
      }
    default:
      return undefined
  }
}

function requireText(message: Record<string, unknown>, key: string): string {
  const value = message[key]
  if (typeof value !== 'string') {
    throw new ContractError(`a message needs text under "${key}"`)
  }
  return value
}

function requireInteger(message: Record<string, unknown>, key: string): number {
  const value = message[key]
  if (!isInteger(value)) {
    throw new ContractError(`a message needs a whole number under "${key}"`)
  }
  return value
}
