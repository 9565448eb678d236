import { Attempts } from './backoff'
import type { Factory } from './factory'
import { REPLY_MS, type LiveChannel, type LiveListener } from './liveChannel'
import { parseServerMessage, type ServerMessage, type TreeChange } from './message'
import { inOrder } from './unpacking'

/** A connection that is not in step by then, nor has brought another piece of the tree, counts as failed. */
const OPENING_MS = 10_000
/** After this long without a message nobody can tell a quiet tree from a dead connection. */
const SILENCE_MS = 25_000
/** Asks for a sign of life; browsers let no page send the protocol's own ping. */
const PING = '{"type":"ping"}'

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

/** The channel of our own servers: a WebSocket that comes back by itself and gets what it missed. */
export class LiveSocket implements LiveChannel {
  private socket: WebSocket | undefined
  private resumePoint: ResumePoint | undefined
  /** The run of the server that the current connection leads to, once it said hello. */
  private server: string | undefined
  /** The tree as far as it has come; nobody knows it yet, and nothing is news. */
  private arriving: ArrivingTree | undefined
  private inStep = false
  private heardAt = 0
  private openingTimer: ReturnType<typeof setTimeout> | undefined
  private replyTimer: ReturnType<typeof setTimeout> | undefined
  private silenceTimer: ReturnType<typeof setInterval> | undefined
  private readonly attempts: Attempts

  constructor(
    private readonly address: string,
    private readonly listener: LiveListener,
    random: () => number = Math.random,
  ) {
    this.attempts = new Attempts(() => this.connect(), random)
  }

  start(): void {
    this.silenceTimer = setInterval(() => this.checkIfSilent(), SILENCE_MS / 5)
    this.connect()
  }

  stop(): void {
    clearInterval(this.silenceTimer)
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
    this.drop()
    const { resumePoint } = this
    const resume = resumePoint && { ...resumePoint, position: String(resumePoint.position) }
    const query = new URLSearchParams({ snapshot: 'deflate', ...resume })
    try {
      this.socket = new WebSocket(`${this.address}?${query}`)
    } catch {
      // Browsers refuse some addresses at once, such as `ws:` on a page that came by https.
      return this.lose()
    }
    this.expectMore()
    const { socket } = this
    // A connection that was dropped may still speak; nobody listens.
    const isCurrent = (): boolean => this.socket === socket
    const read = inOrder((text) => isCurrent() && this.read(text))
    socket.onmessage = (event: MessageEvent<string | Blob>) => read(event.data)
    socket.onclose = () => isCurrent() && this.lose()
  }

  /** Gives the connection up unless it goes on in time. */
  private expectMore(): void {
    clearTimeout(this.openingTimer)
    this.openingTimer = setTimeout(() => this.lose(), OPENING_MS)
  }

  /** Lets go of the current connection without waiting for a goodbye, which a dead one never says. */
  private drop(): void {
    clearTimeout(this.openingTimer)
    this.attempts.stop()
    this.forgetCheck()
    this.inStep = false
    this.server = undefined
    this.arriving = undefined
    this.socket?.close()
    this.socket = undefined
  }

  private forgetCheck(): void {
    clearTimeout(this.replyTimer)
    this.replyTimer = undefined
  }

  private lose(): void {
    this.drop()
    this.listener.onDown(this.attempts.scheduleNext())
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
        this.listener.onHello()
        return this.greet(message.server)
      case 'snapshot':
        return this.collect(message.factories, message.last, message.position)
      case 'change':
        this.change(message.change)
        return this.advance(message.position)
      case 'pong':
        return this.complete()
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
  private change(change: TreeChange): void {
    if (!this.arriving) {
      return this.listener.onMessage(change)
    }
    this.expectMore()
    const { factories } = this.arriving
    if (change.type === 'changed') {
      factories.set(change.factory.id, change.factory)
    } else {
      factories.delete(change.id)
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
    this.attempts.succeed()
    this.listener.onUp()
  }
}
