import { loadPart } from './backoff'
import type { TreeMessage } from './message'

/** Whoever is there has answered a question for a sign of life by then. */
export const REPLY_MS = 5_000

/** A connection that tells of every change and comes back by itself. There is one for each kind of live channel. */
export interface LiveChannel {
  start(): void
  stop(): void
  /** Connects at once instead of waiting for the next attempt. */
  retryNow(): void
  /** Takes a new connection in place of one that is not trusted. */
  renew(): void
  /** Finds out whether the connection is alive and has told all: something says that it may not. */
  check(): void
}

/** A channel whose code is loaded when it is needed. */
export class DeferredChannel implements LiveChannel {
  private channel: LiveChannel | undefined
  private isStopped = false

  constructor(private readonly load: () => Promise<LiveChannel>) {}

  start(): void {
    void loadPart(this.load).then((channel) => {
      if (!this.isStopped) {
        this.channel = channel
        channel.start()
      }
    })
  }

  stop(): void {
    this.isStopped = true
    this.channel?.stop()
  }

  retryNow(): void {
    this.channel?.retryNow()
  }

  renew(): void {
    this.channel?.renew()
  }

  check(): void {
    this.channel?.check()
  }
}

export interface LiveListener {
  onMessage(message: TreeMessage): void
  /** The other side is there; the tree, or what was missed of it, follows. */
  onHello(): void
  /** What this page knows is now what the stage knows. */
  onUp(): void
  /**
   * Changes may be missed from now on, until `onUp`. Called after every failed attempt, too, with the time of the next one,
   * in milliseconds since 1970. `isRefused`: the other side does not take this page's key.
   */
  onDown(retryAt: number, isRefused?: boolean): void
  /** A connection that stands says nothing of what it leads to: now and then it is time to ask whether it is still the one. */
  onTurn(): void
}
