import { vi } from 'vitest'

import type { Factory } from '../factory'

/** Stands in for the browser's WebSocket: the test is the server. */
export class FakeSocket {
  static opened: FakeSocket[] = []

  static install(): void {
    FakeSocket.opened = []
    vi.stubGlobal('WebSocket', FakeSocket)
  }

  static get newest(): FakeSocket {
    const socket = FakeSocket.opened.at(-1)
    if (!socket) {
      throw new Error('no socket was opened')
    }
    return socket
  }

  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  isClosed = false
  readonly received: string[] = []

  constructor(readonly url: string) {
    FakeSocket.opened.push(this)
  }

  close(): void {
    this.isClosed = true
  }

  /** What the page calls to send. */
  send(text: string): void {
    this.received.push(text)
  }

  /** Has the server say something. */
  say(message: object): void {
    this.sayText(JSON.stringify(message))
  }

  sayText(text: string): void {
    this.onmessage?.({ data: text })
  }

  /** The connection goes away, as by a restart of the server. */
  break(): void {
    this.onclose?.()
  }

  greet(server = 's1'): void {
    this.say({ type: 'hello', build: 'b1', server })
  }

  /** Sends a piece of the tree as it stands; after the last one the page asks whether there is more, and there is not. */
  saySnapshot(factories: readonly Factory[], position: number, last = true): void {
    this.sayOldSnapshot(factories, position, last)
    if (last) {
      this.pong()
    }
  }

  /** Sends a piece of the tree as it stood at a position; the changes since are still to come. */
  sayOldSnapshot(factories: readonly Factory[], position: number, last = true): void {
    this.say({ type: 'snapshot', factories, last, position })
  }

  /** Answers the page's last question for a sign of life, after all that was sent before. */
  pong(): void {
    this.received.pop()
    this.say({ type: 'pong' })
  }
}

/** Returns a factory with plausible fields. */
export function factoryOf(fields: Partial<Factory> = {}): Factory {
  const id = fields.id ?? 'a'
  return { id, name: `Factory ${id}`, lower: 1, upper: 9, numbers: [3], revision: 1, ...fields }
}
