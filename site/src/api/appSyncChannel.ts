import { Attempts } from './backoff'
import type { EventChannel } from './config'
import { isInteger, parseRecord } from './factory'
import { REPLY_MS, type LiveChannel, type LiveListener } from './liveChannel'
import { parseEvent } from './message'
import { pollDelay } from './polling'
import type { TreeReader } from './treeReader'
import { newUuid } from './uuid'

/** A connection that is not subscribed by then counts as failed. */
const OPENING_MS = 10_000
/**
 * From the first reading to the second. A subscription that stands may still miss events for a moment, and the first
 * reading may come from a cache: by now that has expired, with what was missed.
 */
const SECOND_READ_MS = 5_000
/** The shortest time between readings of a page that is seen; up to as long again is left to chance. */
const READ_MS = 2 * 60_000

/** Why the tree is read: something may have been missed, to make sure of that reading, or because it is time. */
type ReadReason = 'suspicion' | 'second' | 'turn'

/**
 * The channel of an Event API of AppSync, which promises neither order nor that nothing is lost. So the tree is read once
 * the subscription stands, a moment later, and now and then. What arrives before it is read need not wait for it: by
 * their revisions, changes and snapshots may come in any order.
 *
 * In: a channel, a reader of the tree. Out: what changed, and the connection's state. Never: an older state of a factory
 * sorted out (`KnownFactories` does), or anything published.
 */
export class AppSyncChannel implements LiveChannel {
  private socket: WebSocket | undefined
  private subscription = ''
  private inStep = false
  /** How long a connection that stands may be silent, as its server says, in milliseconds. */
  private timeout = OPENING_MS
  /** Without a message for so long the connection is dead, in milliseconds. */
  private patience = OPENING_MS
  private readAt = Number.NEGATIVE_INFINITY
  private failedReads = 0
  private silenceTimer: ReturnType<typeof setTimeout> | undefined
  private replyTimer: ReturnType<typeof setTimeout> | undefined
  private readTimer: ReturnType<typeof setTimeout> | undefined
  private readonly attempts: Attempts

  constructor(
    private readonly address: string,
    private readonly channel: EventChannel,
    private readonly reader: TreeReader,
    private readonly listener: LiveListener,
    private readonly random: () => number = Math.random,
  ) {
    this.attempts = new Attempts(() => this.connect(), random)
  }

  start(): void {
    this.connect()
  }

  stop(): void {
    this.drop()
  }

  retryNow(): void {
    if (!this.inStep && this.socket === undefined) {
      this.connect()
    }
  }

  renew(): void {
    if (this.inStep) {
      this.connect()
    }
  }

  check(): void {
    if (!this.inStep) {
      return
    }
    if (this.replyTimer === undefined) {
      this.replyTimer = setTimeout(() => this.lose(), REPLY_MS)
      // The protocol has no ping: a question about nothing is answered, with an error, by whoever is there.
      this.send({ type: 'unsubscribe', id: newUuid() })
    }
    if (performance.now() - this.readAt >= SECOND_READ_MS) {
      this.readSoon()
    }
  }

  private get authorization() {
    return { host: this.channel.host, 'x-api-key': this.channel.key }
  }

  private connect(): void {
    this.drop()
    try {
      // A browser sends no headers of its own with a socket: the key travels as the name of a protocol.
      const header = `header-${toBase64Url(JSON.stringify(this.authorization))}`
      this.socket = new WebSocket(this.address, ['aws-appsync-event-ws', header])
    } catch {
      return this.lose()
    }
    this.patience = OPENING_MS
    this.hearLater()
    this.socket.onopen = () => this.send({ type: 'connection_init' })
    this.socket.onmessage = (event: MessageEvent) => this.hear(String(event.data))
    this.socket.onclose = () => this.lose()
  }

  private send(message: object): void {
    this.socket?.send(JSON.stringify(message))
  }

  /** Gives the connection up unless something is heard in time. */
  private hearLater(): void {
    clearTimeout(this.silenceTimer)
    this.silenceTimer = setTimeout(() => this.lose(), this.patience)
  }

  private drop(): void {
    clearTimeout(this.silenceTimer)
    clearTimeout(this.readTimer)
    this.attempts.stop()
    this.forgetCheck()
    this.inStep = false
    if (this.socket) {
      this.socket.onopen = null
      this.socket.onmessage = null
      this.socket.onclose = null
      this.socket.close()
      this.socket = undefined
    }
  }

  private forgetCheck(): void {
    clearTimeout(this.replyTimer)
    this.replyTimer = undefined
  }

  private lose(isRefused = false): void {
    this.drop()
    this.listener.onDown(this.attempts.scheduleNext(), isRefused)
  }

  private hear(text: string): void {
    this.forgetCheck()
    try {
      this.take(parseRecord(JSON.parse(text)))
    } catch {
      // Nobody knows what was meant: it may have been a change.
      this.readSoon()
    }
    if (this.socket) {
      this.hearLater()
    }
  }

  private take(message: Record<string, unknown>): void {
    const { type, id, event, connectionTimeoutMs } = message
    switch (type) {
      case 'connection_ack':
        this.timeout = isInteger(connectionTimeoutMs) ? connectionTimeoutMs : OPENING_MS
        return this.subscribe()
      case 'subscribe_success':
        this.patience = this.timeout
        this.listener.onHello()
        return void this.read('suspicion')
      case 'data':
        return id === this.subscription ? this.tell(event) : undefined
      case 'broadcast_error':
        return this.readSoon()
      case 'connection_error':
      case 'subscribe_error':
        return this.lose(isRefusal(message))
    }
  }

  private subscribe(): void {
    this.subscription = newUuid()
    const { channel } = this.channel
    this.send({
      type: 'subscribe',
      id: this.subscription,
      channel,
      authorization: this.authorization,
    })
  }

  /** Passes on what an event, or each of several, tells. */
  private tell(event: unknown): void {
    for (const text of Array.isArray(event) ? event : [event]) {
      const change = parseEvent(text)
      if (change) {
        this.listener.onMessage(change)
      }
    }
  }

  /** Reads the tree out of turn. Before the page is in step, that is under way. */
  private readSoon(): void {
    if (this.inStep) {
      this.readAfter(0, 'suspicion')
    }
  }

  private readAfter(milliseconds: number, reason: ReadReason): void {
    clearTimeout(this.readTimer)
    this.readTimer = setTimeout(() => {
      // A page that nobody sees reads when it is seen again: see `check`.
      if (reason !== 'turn' || document.visibilityState === 'visible') {
        void this.read(reason)
      }
    }, milliseconds)
  }

  /** Reads the tree. The first time on a connection this brings the page in step. */
  private async read(reason: ReadReason): Promise<void> {
    const { socket } = this
    if (reason === 'turn') {
      this.listener.onTurn()
    }
    const tree = await this.reader.readWhole().catch((error: unknown) => ({ error }))
    if (socket !== this.socket) {
      return
    }
    if ('error' in tree) {
      this.failedReads += 1
      return this.inStep
        ? this.readAfter(pollDelay(this.failedReads, tree.error, this.random), reason)
        : this.lose()
    }
    this.failedReads = 0
    this.readAt = performance.now()
    this.listener.onMessage(tree)
    this.stepUp()
    if (reason === 'suspicion') {
      this.readAfter(SECOND_READ_MS, 'second')
    } else {
      this.readAfter(READ_MS * (1 + this.random()), 'turn')
    }
  }

  private stepUp(): void {
    if (!this.inStep) {
      this.inStep = true
      this.attempts.succeed()
      this.listener.onUp()
    }
  }
}

function isRefusal({ errors }: Record<string, unknown>): boolean {
  return JSON.stringify(errors ?? '').includes('Unauthorized')
}

/** The key and the host are ASCII: no text of people is written so. */
function toBase64Url(text: string): string {
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
