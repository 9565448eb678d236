import { backoffDelay } from './backoff'
import type { Factory } from './factory'
import { parseServerMessage, type ServerMessage, type TreeMessage } from './message'

/** A connection that is not in step by then, nor has brought another piece of the tree, counts as failed. */
const OPENING_MS = 10_000
/** After this long in step, the next loss starts again with the shortest wait. */
const STABLE_MS = 60_000
/** After this long without a message nobody can tell a quiet tree from a dead connection. */
const SILENCE_MS = 25_000
/** A server that is there has answered by then. */
const REPLY_MS = 5_000
/** Asks for a sign of life; browsers let no page send the protocol's own ping. */
const PING = '{"type":"ping"}'

export interface SocketListener {
  onMessage(message: TreeMessage): void
  /** What this page knows is now what the server knows. */
  onUp(): void
  /** Changes may be missed from now on, until `onUp`. Called after every failed attempt, too. */
  onDown(): void
}

/** What this page has of one run of one server: with it, a new connection gets only what was missed. */
interface ResumePoint {
  readonly server: string
  readonly position: number
}

/** A WebSocket that comes back by itself, missing nothing. */
export class LiveSocket {
  private socket: WebSocket | undefined
  private resumePoint: ResumePoint | undefined
  /** The run of the server that the current connection leads to, once it said hello. */
  private server: string | undefined
  /** The pieces of a snapshot that is not complete yet. */
  private pieces: Factory[] | undefined
  private inStep = false
  private attempt = 0
  private heardAt = 0
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private openingTimer: ReturnType<typeof setTimeout> | undefined
  private stableTimer: ReturnType<typeof setTimeout> | undefined
  private replyTimer: ReturnType<typeof setTimeout> | undefined
  private silenceTimer: ReturnType<typeof setInterval> | undefined

  constructor(
    private readonly address: string,
    private readonly listener: SocketListener,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.silenceTimer = setInterval(() => this.checkIfSilent(), SILENCE_MS / 5)
    this.connect()
  }

  stop(): void {
    clearInterval(this.silenceTimer)
    clearTimeout(this.retryTimer)
    this.drop()
  }

  /** Connects at once instead of waiting for the next attempt. */
  retryNow(): void {
    if (!this.inStep && this.socket === undefined) {
      this.connect()
    }
  }

  /** Takes a new connection in place of one that is not trusted; it resumes, so this costs little. */
  renew(): void {
    if (this.inStep) {
      this.connect()
    }
  }

  /** Asks for a sign of life, and gives the connection up if there is none. */
  check(): void {
    if (this.inStep && this.replyTimer === undefined) {
      this.replyTimer = setTimeout(() => this.lose(), REPLY_MS)
      this.socket?.send(PING)
    }
  }

  private checkIfSilent(): void {
    if (Date.now() - this.heardAt >= SILENCE_MS) {
      this.check()
    }
  }

  private connect(): void {
    clearTimeout(this.retryTimer)
    this.drop()
    try {
      this.socket = new WebSocket(this.resumeAddress())
    } catch {
      // Browsers refuse some addresses at once, such as `ws:` on a page that came by https.
      return this.lose()
    }
    this.expectMore()
    this.socket.onmessage = (event: MessageEvent) => this.read(String(event.data))
    this.socket.onclose = () => this.lose()
  }

  /** Gives the connection up unless it goes on in time. */
  private expectMore(): void {
    clearTimeout(this.openingTimer)
    this.openingTimer = setTimeout(() => this.lose(), OPENING_MS)
  }

  private resumeAddress(): string {
    const address = new URL(this.address)
    if (this.resumePoint) {
      address.searchParams.set('server', this.resumePoint.server)
      address.searchParams.set('position', String(this.resumePoint.position))
    }
    return address.href
  }

  /** Lets go of the current connection without waiting for a goodbye, which a dead one never says. */
  private drop(): void {
    clearTimeout(this.openingTimer)
    clearTimeout(this.stableTimer)
    this.forgetCheck()
    this.inStep = false
    this.server = undefined
    this.pieces = undefined
    if (this.socket) {
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

  private lose(): void {
    this.drop()
    const delay = backoffDelay(this.attempt, this.random)
    this.attempt += 1
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => this.connect(), delay)
    this.listener.onDown()
  }

  private read(text: string): void {
    this.heardAt = Date.now()
    this.forgetCheck()
    let message: ServerMessage
    try {
      message = parseServerMessage(text)
    } catch {
      // Out of step with what the server means: only the whole tree helps.
      this.resumePoint = undefined
      return this.lose()
    }
    this.take(message)
  }

  private take(message: ServerMessage): void {
    switch (message.type) {
      case 'hello':
        return this.greet(message.server)
      case 'snapshot':
        return this.collect(message.factories, message.last, message.position)
      case 'changed':
        this.listener.onMessage({ type: 'changed', factory: message.factory })
        return this.advance(message.position)
      case 'removed':
        this.listener.onMessage({ type: 'removed', id: message.id, revision: message.revision })
        return this.advance(message.position)
      case 'unknown':
    }
  }

  private greet(server: string): void {
    this.server = server
    if (this.resumePoint?.server === server) {
      this.stepUp()
    } else {
      this.resumePoint = undefined
    }
  }

  private collect(factories: readonly Factory[], last: boolean, position: number): void {
    this.pieces ??= []
    this.pieces.push(...factories)
    if (!last) {
      return this.expectMore()
    }
    this.listener.onMessage({ type: 'snapshot', factories: this.pieces })
    this.pieces = undefined
    this.resumePoint = this.server === undefined ? undefined : { server: this.server, position }
    this.stepUp()
  }

  /** Remembers how far this page is. Not before the tree is complete: resuming would miss the rest. */
  private advance(position: number): void {
    if (this.resumePoint && this.pieces === undefined) {
      this.resumePoint = { ...this.resumePoint, position }
    }
  }

  private stepUp(): void {
    clearTimeout(this.openingTimer)
    if (this.inStep) {
      return
    }
    this.inStep = true
    this.stableTimer = setTimeout(() => (this.attempt = 0), STABLE_MS)
    this.listener.onUp()
  }
}
