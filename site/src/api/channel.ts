import type { SiteConfig } from './config'
import type { FactoriesApi } from './factories'
import type { Factory } from './factory'
import type { TreeMessage } from './message'
import { Polling } from './polling'
import { LiveSocket } from './socket'

/** A loss that is over by then is not worth telling. */
const GRACE_MS = 1_000
/** Without a socket for so long, and up to as long again, the tree is read from the API instead. */
const FALLBACK_MS = 3_000
/** Somebody who has seen nothing yet waits less: so long without a server that says hello. */
const FIRST_FALLBACK_MS = 600

/** How this page hears of the changes of others. */
export interface Connection {
  readonly state: 'connecting' | 'live' | 'reconnecting' | 'offline'
  /** Whether the tree is kept up to date by reading it now and then, for want of a socket. */
  readonly isPolling: boolean
  /** Whether the API did not answer either, when it was asked last. */
  readonly isUnreachable?: boolean
  /** When the socket is tried again, in milliseconds since 1970, while there is none. */
  readonly retryAt?: number | undefined
}

export interface ChannelListener {
  onMessage(message: TreeMessage): void
  onConnection(connection: Connection): void
  /** A server of this build has said hello. */
  onHello(build: string): void
}

/** The live channel: a socket and, while there is none, a reader of the API that stands in for it. */
export class Channel {
  private readonly socket: LiveSocket
  private readonly polling: Polling
  private connection: Connection = { state: 'connecting', isPolling: false }
  private graceTimer: ReturnType<typeof setTimeout> | undefined
  private retryAt: number | undefined
  private fallbackTimer: ReturnType<typeof setTimeout> | undefined
  /** Whether the first connection is neither there nor failed. */
  private isWaiting = true
  private readonly stopWatching = new AbortController()

  constructor(
    config: SiteConfig,
    api: FactoriesApi,
    private readonly listener: ChannelListener,
    private readonly random: () => number = Math.random,
  ) {
    this.socket = new LiveSocket(config.socket, {
      onMessage: (message) => listener.onMessage(message),
      onHello: (build) => this.greet(build),
      onUp: () => this.rise(),
      onDown: (retryAt) => this.fall(retryAt),
    })
    const reader = {
      onTree: (factories: readonly Factory[]) =>
        listener.onMessage({ type: 'snapshot', factories }),
      onRead: (outcome: 'read' | 'failed') =>
        this.tell({
          ...this.downState(),
          isPolling: outcome === 'read',
          isUnreachable: outcome === 'failed',
        }),
    }
    this.polling = new Polling(api, reader, random)
  }

  open(): void {
    const { signal } = this.stopWatching
    window.addEventListener('online', () => this.socket.retryNow(), { signal })
    window.addEventListener('offline', () => this.socket.renew(), { signal })
    document.addEventListener('visibilitychange', () => this.wake(), { signal })
    this.pollAfter(FIRST_FALLBACK_MS)
    this.socket.start()
  }

  close(): void {
    this.stopWatching.abort()
    clearTimeout(this.graceTimer)
    clearTimeout(this.fallbackTimer)
    this.polling.stop()
    this.socket.stop()
  }

  /** Finds out whether the socket is still alive: something says that it may not be. */
  check(): void {
    this.socket.check()
  }

  /** Tries everything at once, in place of waiting. */
  tryNow(): void {
    this.socket.retryNow()
    if (this.connection.state !== 'live') {
      this.polling.start()
    }
  }

  private wake(): void {
    if (document.visibilityState === 'visible') {
      this.socket.retryNow()
      this.socket.check()
    }
  }

  private pollAfter(milliseconds: number): void {
    clearTimeout(this.fallbackTimer)
    this.fallbackTimer = setTimeout(() => {
      this.isWaiting = false
      this.polling.start()
    }, milliseconds)
  }

  private greet(build: string): void {
    if (this.isWaiting) {
      // The tree is on its way: reading it from the API as well would be for nothing.
      this.pollAfter(FALLBACK_MS)
    }
    this.listener.onHello(build)
  }

  private rise(): void {
    this.isWaiting = false
    clearTimeout(this.graceTimer)
    clearTimeout(this.fallbackTimer)
    this.graceTimer = undefined
    this.fallbackTimer = undefined
    this.polling.stop()
    this.tell({ state: 'live', isPolling: false })
  }

  private fall(retryAt: number): void {
    this.retryAt = retryAt
    if (this.connection.retryAt !== undefined) {
      this.tell(this.downState())
    }
    this.graceTimer ??= setTimeout(() => this.tell(this.downState()), GRACE_MS)
    if (this.isWaiting) {
      this.isWaiting = false
      this.pollAfter(0)
    }
    // All pages of a server lose it at the same moment, and must not read at the same moment.
    this.fallbackTimer ??= setTimeout(() => this.polling.start(), FALLBACK_MS * (1 + this.random()))
  }

  private downState(): Connection {
    const { isPolling, isUnreachable = false } = this.connection
    const state = navigator.onLine ? 'reconnecting' : 'offline'
    return { state, isPolling, isUnreachable, retryAt: this.retryAt }
  }

  private tell(connection: Connection): void {
    this.connection = connection
    this.listener.onConnection(connection)
  }
}
