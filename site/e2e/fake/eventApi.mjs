/**
 * The WebSocket side of an Event API of AppSync, as "Event API WebSocket protocol" of its guide has it, with one channel.
 * Between it and its pages lies a line that loses, doubles and reorders events as it is told.
 */
import { accept } from './webSocket.mjs'

/** @typedef {{ send(text: string): void, close(): void, subscription?: string | undefined }} Peer */

const PROTOCOL = 'aws-appsync-event-ws'
export const CHANNEL = '/tree/main'

export class FakeEventApi {
  key = 'da2-fake'
  /** The key that the site's settings name, where it is not the one that is good. @type {string | undefined} */
  namedKey = undefined
  /** How many of the next events never come. */
  toLose = 0
  /** Whether each event comes twice. */
  doubles = false
  /** Whether events come five at a time, the newest first. */
  reorders = false
  /** Whether subscriptions are acknowledged and get nothing. */
  isDeaf = false
  /** @type {string[]} */
  held = []
  /** @type {Set<Peer>} */
  peers = new Set()

  reset() {
    Object.assign(this, { key: 'da2-fake', toLose: 0, doubles: false, reorders: false })
    Object.assign(this, { isDeaf: false, held: [], namedKey: undefined })
  }

  hangUp() {
    this.peers.forEach((peer) => peer.close())
    this.peers.clear()
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:stream').Duplex} socket */
  connect(request, socket) {
    const protocols = String(request.headers['sec-websocket-protocol']).split(/,\s*/)
    const header = protocols.find((one) => one.startsWith('header-'))?.slice('header-'.length)
    /** @type {Peer} */
    const peer = accept(request, socket, (text) => this.answer(peer, JSON.parse(text)), PROTOCOL)
    socket.on('close', () => this.peers.delete(peer))
    if (!protocols.includes(PROTOCOL) || !this.grants(decode(header), request.headers.host)) {
      tell(peer, { type: 'connection_error', errors: [refusal('You are not authorized.')] })
      socket.end()
    }
  }

  /** @param {{ host?: string, 'x-api-key'?: string } | undefined} authorization @param {string | undefined} host */
  grants(authorization, host) {
    return authorization?.['x-api-key'] === this.key && authorization.host === host
  }

  /** @param {Peer} peer @param {any} message */
  answer(peer, { type, id, channel, authorization }) {
    switch (type) {
      case 'connection_init':
        return tell(peer, { type: 'connection_ack', connectionTimeoutMs: 300_000 })
      case 'subscribe':
        if (channel !== CHANNEL || authorization?.['x-api-key'] !== this.key) {
          return tell(peer, { type: 'subscribe_error', id, errors: [refusal('Not this channel.')] })
        }
        peer.subscription = id
        this.peers.add(peer)
        return tell(peer, { type: 'subscribe_success', id })
      case 'unsubscribe': {
        const errors = [
          { errorType: 'UnknownOperationError', message: `Unknown operation id ${id}` },
        ]
        return tell(peer, { type: 'unsubscribe_error', id, errors })
      }
    }
  }

  /** Publishes an event, through the line. @param {object} event */
  publish(event) {
    if (this.toLose > 0 || this.isDeaf) {
      this.toLose = Math.max(0, this.toLose - 1)
      return
    }
    this.held.push(JSON.stringify(event), ...(this.doubles ? [JSON.stringify(event)] : []))
    if (!this.reorders || this.held.length >= 5) {
      this.held
        .splice(0)
        .reverse()
        .forEach((text) => this.deliver(text))
    }
  }

  /** @param {string} event */
  deliver(event) {
    this.peers.forEach((peer) => tell(peer, { type: 'data', id: peer.subscription, event }))
  }
}

/** @param {Peer} peer @param {object} message */
function tell(peer, message) {
  peer.send(JSON.stringify(message))
}

/** @param {string} message */
function refusal(message) {
  return { errorType: 'UnauthorizedException', message }
}

/** @param {string | undefined} header */
function decode(header) {
  return header ? JSON.parse(Buffer.from(header, 'base64url').toString()) : undefined
}
