import { loadConfig, type SiteConfig } from './config'
import type { FactoriesApi } from './factories'
import { DeferredChannel, type LiveChannel } from './liveChannel'
import type { TreeMessage } from './message'
import { Polling } from './polling'
import { LiveSocket } from './socket'
import { TreeReader } from './treeReader'

/** A loss that is over by then is not worth telling. */
const GRACE_MS = 1_000
/** Without a socket for so long, and up to as long again, the tree is read from the API instead. */
const FALLBACK_MS = 3_000
/** Somebody who has seen nothing yet waits less: so long without a server that says hello. */
const FIRST_FALLBACK_MS = 600
/** The settings are not read more often, however many attempts fail. */
const LOOK_MS = 5_000

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
  /** The live channel is there, for the first time or again. */
  onHello(): void
}

/**
 * The live channel and, while there is none, a reader of the API that stands in for it. A stage may change the kind of
 * its channel, its address or its key at any time: the settings are read again when the channel does not come back.
 */
export class Channel {
  private live: LiveChannel
  private readonly polling: Polling
  private readonly reader: TreeReader
  private connection: Connection = { state: 'connecting', isPolling: false }
  private graceTimer: ReturnType<typeof setTimeout> | undefined
  private retryAt: number | undefined
  private fallbackTimer: ReturnType<typeof setTimeout> | undefined
  /** Whether the first connection is neither there nor failed. */
  private isWaiting = true
  /** How many attempts in a row have failed, after the loss or since the page came. */
  private failures = 0
  private lookedAt = Number.NEGATIVE_INFINITY
  private readonly stopWatching = new AbortController()

  constructor(
    private config: SiteConfig,
    private readonly api: FactoriesApi,
    private readonly listener: ChannelListener,
    private readonly random: () => number = Math.random,
  ) {
    this.reader = new TreeReader(api)
    this.live = this.makeLive()
    const pollListener = {
      onTree: (tree: TreeMessage) => listener.onMessage(tree),
      onRead: (outcome: 'read' | 'failed') =>
        this.tell({
          ...this.downState(),
          isPolling: outcome === 'read',
          isUnreachable: outcome === 'failed',
        }),
    }
    this.polling = new Polling(this.reader, pollListener, random)
  }

  open(): void {
    const { signal } = this.stopWatching
    window.addEventListener('online', () => this.live.retryNow(), { signal })
    window.addEventListener('offline', () => this.live.renew(), { signal })
    document.addEventListener('visibilitychange', () => this.wake(), { signal })
    if (this.config.live.kind === 'servers') {
      this.pollAfter(FIRST_FALLBACK_MS)
    } else {
      // An Event API has no tree to send: it comes from the cache, while the subscription is made.
      this.pollAfter(FALLBACK_MS)
      void this.readFirst()
    }
    this.live.start()
  }

  close(): void {
    this.stopWatching.abort()
    clearTimeout(this.graceTimer)
    clearTimeout(this.fallbackTimer)
    this.polling.stop()
    this.live.stop()
  }

  /** Finds out whether the channel is still alive: something says that it may not be. */
  check(): void {
    this.live.check()
  }

  /** Tries everything at once, in place of waiting. */
  tryNow(): void {
    this.live.retryNow()
    if (this.connection.state !== 'live') {
      this.polling.start()
    }
  }

  /** Goes over to the channel that these settings name, unless it is this one. */
  follow(config: SiteConfig): void {
    const isSame =
      config.socket === this.config.socket &&
      JSON.stringify(config.live) === JSON.stringify(this.config.live)
    this.config = config
    this.api.readFrom(config.reads)
    if (!isSame && !this.stopWatching.signal.aborted) {
      this.live.stop()
      this.live = this.makeLive()
      this.expectLive()
      this.live.start()
    }
  }

  private makeLive(): LiveChannel {
    const { socket, live } = this.config
    const listener = {
      onMessage: (message: TreeMessage) => {
        this.reader.noteChange()
        this.listener.onMessage(message)
      },
      onHello: () => this.greet(),
      onUp: () => this.rise(),
      onDown: (retryAt: number, isRefused = false) => this.fall(retryAt, isRefused),
      onTurn: () => void this.look(),
    }
    return live.kind === 'servers'
      ? new LiveSocket(socket, listener)
      : new DeferredChannel(async () => {
          const { AppSyncChannel } = await import('./appSyncChannel')
          return new AppSyncChannel(socket, live, this.reader, listener, this.random)
        })
  }

  private async readFirst(): Promise<void> {
    const tree = await this.reader.readWhole().catch(() => undefined)
    if (tree) {
      this.listener.onMessage(tree)
    }
  }

  /** Reads the settings again: the channel may be another one by now. */
  private async look(): Promise<void> {
    if (Date.now() - this.lookedAt >= LOOK_MS) {
      this.lookedAt = Date.now()
      const config = await loadConfig().catch(() => undefined)
      if (config) {
        this.follow(config)
      }
    }
  }

  private wake(): void {
    if (document.visibilityState === 'visible') {
      this.live.retryNow()
      this.live.check()
    }
  }

  private pollAfter(milliseconds: number): void {
    clearTimeout(this.fallbackTimer)
    this.fallbackTimer = setTimeout(() => {
      this.isWaiting = false
      this.polling.start()
    }, milliseconds)
  }

  private greet(): void {
    if (this.isWaiting) {
      // The tree is on its way: reading it from the API as well would be for nothing.
      this.pollAfter(FALLBACK_MS)
    }
    this.listener.onHello()
  }

  private rise(): void {
    this.isWaiting = false
    this.failures = 0
    clearTimeout(this.graceTimer)
    clearTimeout(this.fallbackTimer)
    this.graceTimer = undefined
    this.fallbackTimer = undefined
    this.polling.stop()
    this.tell({ state: 'live', isPolling: false })
  }

  private fall(retryAt: number, isRefused: boolean): void {
    this.retryAt = retryAt
    if (this.connection.retryAt !== undefined) {
      this.tell(this.downState())
    }
    if (this.isWaiting) {
      this.isWaiting = false
      this.pollAfter(0)
    }
    this.expectLive()
    this.failures += 1
    // A server that restarts is back at the first attempt, and nobody needs to ask where it is.
    if (isRefused || this.failures > 1) {
      void this.look()
    }
  }

  /** Tells that there is no live channel, and reads in its place, unless it is there soon. */
  private expectLive(): void {
    this.graceTimer ??= setTimeout(() => this.tell(this.downState()), GRACE_MS)
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
