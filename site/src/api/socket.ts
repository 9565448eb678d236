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
  /** A server is there; its tree, or what was missed of it, follows. */
  onHello(build: string): void
  /** What this page knows is now what the server knows. */
  onUp(): void
  /**
   * Changes may be missed from now on, until `onUp`. Called after every failed attempt, too, with the time of the next one,
   * in milliseconds since 1970.
   */
  onDown(retryAt: number): void
}

/** What this page has of one run of one server: with it, a new connection gets only what was missed. */
interface ResumePoint {
  readonly server: string
  readonly position: number
}

/**
 * A tree that is not complete yet. A snapshot may be many changes old: after its last piece the server is asked for a
 * sign of life, which comes after those changes.
 */
interface ArrivingTree {
  readonly factories: Map<string, Factory>
  /** How far the tree has come, once all pieces are there and the question is asked. */
  position: number | undefined
}

/** A WebSocket that comes back by itself, missing nothing. */
export class LiveSocket {
  private socket: WebSocket | undefined
  private resumePoint: ResumePoint | undefined
  /** The run of the server that the current connection leads to, once it said hello. */
  private server: string | undefined
  /** The tree as far as it has come; nobody knows it yet, and nothing is news. */
  private arriving: ArrivingTree | undefined
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
    this.arriving = undefined
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
    this.listener.onDown(Date.now() + delay)
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
        this.listener.onHello(message.build)
        return this.greet(message.server)
      case 'snapshot':
        return this.collect(message.factories, message.last, message.position)
      case 'changed':
        this.change({ type: 'changed', factory: message.factory })
        return this.advance(message.position)
      case 'removed':
        this.change({ type: 'removed', id: message.id, revision: message.revision })
        return this.advance(message.position)
      case 'pong':
        return this.complete()
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
    this.arriving ??= { factories: new Map(), position: undefined }
    for (const factory of factories) {
      this.arriving.factories.set(factory.id, factory)
    }
    this.expectMore()
    if (last) {
      this.arriving.position = position
      this.socket?.send(PING)
    }
  }

  /** The server has told all that there is: now the tree is known. */
  private complete(): void {
    if (this.arriving?.position === undefined) {
      return
    }
    const { factories, position } = this.arriving
    this.arriving = undefined
    this.resumePoint = this.server === undefined ? undefined : { server: this.server, position }
    this.listener.onMessage({ type: 'snapshot', factories: [...factories.values()] })
    this.stepUp()
  }

  /** Passes a change on, or puts it into the tree that is still arriving. */
  private change(message: Exclude<TreeMessage, { type: 'snapshot' }>): void {
    if (!this.arriving) {
      return this.listener.onMessage(message)
    }
    this.expectMore()
    const { factories } = this.arriving
    if (message.type === 'changed') {
      factories.set(message.factory.id, message.factory)
    } else {
      factories.delete(message.id)
    }
  }

  /** Remembers how far this page is; of a tree that is still arriving nothing before its last piece. */
  private advance(position: number): void {
    if (this.arriving) {
      this.arriving.position = this.arriving.position === undefined ? undefined : position
    } else if (this.resumePoint) {
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
