import { deflateSync } from 'node:zlib'

import { vi } from 'vitest'

import type { SiteConfig } from '../config'
import type { Factory } from '../factory'

/** The settings of a stage with servers. */
export const SERVERS: SiteConfig = {
  build: 'b1',
  api: 'https://api.test',
  socket: 'ws://ws.test',
  live: { kind: 'servers' },
  reads: 'https://api.test',
}
/** The settings of a stage with an Event API, whose lists come through a cache. */
export const APPSYNC: SiteConfig = {
  ...SERVERS,
  socket: 'wss://ws.test/event/realtime',
  live: { kind: 'appsync', host: 'ws.test', key: 'da2-key', channel: '/tree/main' },
  reads: 'https://site.test/api',
}

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

  onopen: (() => void) | null = null
  onmessage: ((event: { data: string | Blob }) => void) | null = null
  onclose: (() => void) | null = null
  isClosed = false
  readonly received: string[] = []

  constructor(
    readonly url: string,
    readonly protocols: readonly string[] = [],
  ) {
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

  /** Has the server say something compressed. */
  sayCompressed(message: object): void {
    this.onmessage?.({ data: new Blob([Uint8Array.from(deflateSync(JSON.stringify(message)))]) })
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

/** Has an Event API answer the handshake of the newest socket, up to the subscription. */
export function subscribe(socket: FakeSocket = FakeSocket.newest): string {
  socket.onopen?.()
  socket.say({ type: 'connection_ack', connectionTimeoutMs: 300_000 })
  const { id } = JSON.parse(socket.received.at(-1) ?? '{}') as { id: string }
  socket.say({ type: 'subscribe_success', id })
  return id
}

/** Returns a factory with plausible fields. */
export function factoryOf(fields: Partial<Factory> = {}): Factory {
  const id = fields.id ?? 'a'
  return { id, name: `Factory ${id}`, lower: 1, upper: 9, numbers: [3], revision: 1, ...fields }
}
