import { ContractError, isInteger, parseFactories, parseFactory, parseRecord } from './factory'
import type { Factory } from './factory'

/** What the live channel, or its stand-in, tells about the tree. A snapshot is always the whole tree. */
export type TreeMessage =
  | { readonly type: 'snapshot'; readonly factories: readonly Factory[] }
  | { readonly type: 'changed'; readonly factory: Factory }
  | { readonly type: 'removed'; readonly id: string; readonly revision: number }

/** A message as the server sends it. `position` is where in the server's order of changes it lies. */
export type ServerMessage =
  | { readonly type: 'hello'; readonly server: string; readonly build: string }
  | {
      readonly type: 'snapshot'
      readonly factories: readonly Factory[]
      readonly last: boolean
      readonly position: number
    }
  | { readonly type: 'changed'; readonly factory: Factory; readonly position: number }
  | {
      readonly type: 'removed'
      readonly id: string
      readonly revision: number
      readonly position: number
    }
  /** The answer to a question for a sign of life. Comes after all that there was to tell by then. */
  | { readonly type: 'pong' }
  | { readonly type: 'unknown' }

/** Reads one text message. A type that is not known here comes from a newer server: it is not an error. */
export function parseServerMessage(text: string): ServerMessage {
  const message = parseRecord(JSON.parse(text))
  switch (message['type']) {
    case 'hello':
      return {
        type: 'hello',
        server: requireText(message, 'server'),
        build: requireText(message, 'build'),
      }
    case 'snapshot':
      return {
        type: 'snapshot',
        factories: parseFactories(message['factories']),
        last: message['last'] === true,
        position: requireInteger(message, 'position'),
      }
    case 'changed':
      return {
        type: 'changed',
        factory: parseFactory(message['factory']),
        position: requireInteger(message, 'position'),
      }
    case 'removed':
      return {
        type: 'removed',
        id: requireText(message, 'id'),
        revision: requireInteger(message, 'revision'),
        position: requireInteger(message, 'position'),
      }
    case 'pong':
      return { type: 'pong' }
    default:
      return { type: 'unknown' }
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
