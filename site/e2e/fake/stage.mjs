/**
 * A stage in one process: the built site with the headers of `templates/site.yaml`, the API and the live channel, and a
 * tree that the script fills as it likes. For pictures and figures; the story of `e2e/story.mjs` wants the real stage.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

import { CHANNEL, FakeEventApi } from './eventApi.mjs'
import { FakeIdentityProvider } from './identityProvider.mjs'
import { beLate } from './late.mjs'
import { accept } from './webSocket.mjs'

/** @typedef {{ id: string, name: string, lower: number, upper: number, numbers: number[], revision: number, changed_by?: string }} Factory */

const TEMPLATE = fileURLToPath(new URL('../../../templates/site.yaml', import.meta.url))
const TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript'],
  ['.css', 'text/css'],
  ['.svg', 'image/svg+xml'],
  ['.json', 'application/json'],
])
/** For how long the cache before the API keeps a list. */
const LIST_MS = 2_000
const CACHE = '/cached'
/** As many factories as fit into a message of 64 KiB, by far. */
const PIECE = 200

export class FakeStage {
  build = 'fake'
  /** The kind of the live channel. @type {'servers' | 'appsync'} */
  live = 'servers'
  events = new FakeEventApi()
  /** Whether writes want an editor. */
  hasSignIn = false
  provider = new FakeIdentityProvider()
  /** How often the list was read from the table. */
  tableReads = 0
  /** The list as the cache has it. @type {{ at: number, etag: string, text: string } | undefined} */
  cached = undefined
  /** @type {Map<string, Factory>} */
  factories = new Map()
  /** The factories that were removed and can be restored. @type {Map<string, Factory>} */
  removed = new Map()
  /** The numbers that a generation replaced, by factory. @type {Map<string, number[]>} */
  replaced = new Map()
  position = 0
  /** Answers that the API gives in place of its own, one for each write. @type {{ status: number, body?: object }[]} */
  nextAnswers = []
  /** Whether the live channel and the API answer at all. */
  isUp = true
  /** Whether newcomers get the tree. */
  tellsTree = true
  /** The tree as newcomers get it at first, where it is older than it stands: the changes since come behind it. @type {Factory[] | undefined} */
  snapshot = undefined

  /** @param {string} folder the built site */
  constructor(folder) {
    this.folder = folder
    /** @type {Set<ReturnType<typeof accept>>} */
    this.peers = new Set()
    this.server = createServer((request, response) => void this.answer(request, response))
    this.server.on('upgrade', (request, socket) => this.connect(request, socket))
  }

  /** Makes the stage as it was at first, with nobody on it. */
  reset() {
    this.hangUp()
    this.build = 'fake'
    this.live = 'servers'
    this.events.reset()
    this.hasSignIn = false
    this.provider.reset()
    this.cached = undefined
    this.tableReads = 0
    this.factories.clear()
    this.removed.clear()
    this.replaced.clear()
    this.position = 0
    this.nextAnswers = []
    this.isUp = true
    this.tellsTree = true
    this.snapshot = undefined
  }

  /** Returns the address of the site. */
  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(undefined)))
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.server.address())
    this.host = `127.0.0.1:${port}`
    await this.provider.start()
    return `http://${this.host}/`
  }

  stop() {
    this.hangUp()
    this.provider.stop()
    this.server.close()
    this.server.closeAllConnections()
  }

  /** Goes over to another kind of live channel, as a deploy does: the one of before is gone. @param {'servers' | 'appsync'} live */
  switchTo(live) {
    this.live = live
    this.hangUp()
  }

  /** Ends every live connection. */
  hangUp() {
    this.events.hangUp()
    this.peers.forEach((peer) => peer.close())
    this.peers.clear()
  }

  /** Who makes the write under way. @type {string | undefined} */
  writer = undefined

  /** Makes a factory what it is told to be, one revision on, and tells everybody. @param {Partial<Factory> & { id: string }} fields */
  put(fields) {
    const before = this.factories.get(fields.id) ?? this.removed.get(fields.id)
    const fresh = { name: '', lower: 1, upper: 100, numbers: [], revision: 0 }
    const by = this.writer === undefined ? {} : { changed_by: this.writer }
    const revision = (before?.revision ?? 0) + 1
    const factory = { ...fresh, ...before, ...fields, ...by, revision }
    this.factories.set(factory.id, factory)
    this.removed.delete(factory.id)
    this.broadcast({ type: 'changed', factory })
    return factory
  }

  /** @param {string} id */
  remove(id) {
    const factory = this.factories.get(id)
    if (factory) {
      this.factories.delete(id)
      this.removed.set(id, { ...factory, revision: factory.revision + 1 })
      this.broadcast({ type: 'removed', id, revision: factory.revision + 1 })
    }
  }

  /** @param {object} message */
  broadcast(message) {
    if (this.live === 'appsync') {
      this.events.publish(message)
      return
    }
    this.position += 1
    const text = JSON.stringify({ ...message, position: this.position })
    this.peers.forEach((peer) => peer.send(text))
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:stream').Duplex} socket */
  connect(request, socket) {
    const isEvents = request.url === '/event/realtime'
    if (!this.isUp || isEvents !== (this.live === 'appsync')) {
      socket.destroy()
      return
    }
    if (isEvents) {
      this.events.connect(request, socket)
      return
    }
    const peer = accept(request, socket, (text) => {
      if (text.includes('ping')) {
        peer.send('{"type":"pong"}')
      }
    })
    socket.on('close', () => this.peers.delete(peer))
    peer.send(JSON.stringify({ type: 'hello', build: this.build, server: 'fake' }))
    if (this.tellsTree) {
      this.peers.add(peer)
      const all = this.snapshot ?? [...this.factories.values()]
      for (let from = 0; from === 0 || from < all.length; from += PIECE) {
        const factories = all.slice(from, from + PIECE)
        const last = from + PIECE >= all.length
        const piece = { type: 'snapshot', factories, last, position: this.position }
        // As the server does.
        if (request.url?.includes('snapshot=deflate')) {
          peer.sendCompressed(JSON.stringify(piece))
        } else {
          peer.send(JSON.stringify(piece))
        }
      }
      for (const factory of this.snapshot ? this.factories.values() : []) {
        peer.send(JSON.stringify({ type: 'changed', factory, position: this.position }))
      }
    }
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async answer(request, response) {
    const { pathname } = new URL(request.url ?? '/', 'http://fake')
    const isList = request.method === 'GET' && /^\/(api|cached)\/factories$/.test(pathname)
    if (!isList && !pathname.startsWith('/api/')) {
      this.serve(pathname, response)
      return
    }
    if (!this.isUp) {
      request.socket.destroy()
      return
    }
    if (isList) {
      await beLate()
      this.list(request, response, pathname.startsWith(CACHE))
      return
    }
    const { status, body } = await this.decide(request, pathname.slice('/api'.length))
    await beLate()
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(body === undefined ? undefined : JSON.stringify(body))
  }

  /** Refuses a write without the token of an editor, where the stage wants one. @param {string | undefined} authorization */
  refuse(authorization) {
    this.writer = undefined
    if (!this.hasSignIn) {
      return undefined
    }
    const grant = this.provider.grantOf(authorization)
    if (!grant) {
      // As API Gateway's authorizer says it: no problem document.
      return { status: 401, body: { message: 'Unauthorized' } }
    }
    if (!this.provider.users.get(grant.name)?.includes('editors')) {
      const detail = `${grant.name} is no editor of this tree. Ask for being made one.`
      return { status: 403, body: { type: 'https://fake/problems/not-an-editor', detail } }
    }
    this.writer = grant.name
    return undefined
  }

  /**
   * Answers with the list.
   *
   * @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response
   * @param {boolean} isCached whether the cache is asked, and not the API
   */
  list(request, response, isCached) {
    const isKept = this.cached !== undefined && Date.now() - this.cached.at < LIST_MS
    if (!isCached || !isKept) {
      this.tableReads += 1
      const text = JSON.stringify({ factories: [...this.factories.values()] })
      const etag = `"${createHash('sha256').update(text).digest('hex')}"`
      this.cached = { at: Date.now(), etag, text }
    }
    const { etag, text } = /** @type {{ etag: string, text: string }} */ (this.cached)
    const headers = { 'Content-Type': 'application/json', ETag: etag }
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end()
    } else {
      response.writeHead(200, headers).end(text)
    }
  }

  /** @param {import('node:http').IncomingMessage} request @param {string} path @returns {Promise<{ status: number, body?: object }>} */
  async decide(request, path) {
    const { method } = request
    const body = await readBody(request)
    const prepared = method === 'GET' ? undefined : this.nextAnswers.shift()
    if (prepared) {
      return prepared
    }
    const refusal = method === 'GET' ? undefined : this.refuse(request.headers.authorization)
    if (refusal) {
      return refusal
    }
    const [id, what, how] = path.slice('/factories/'.length).split('/')
    if (method === 'POST' && path === '/factories') {
      const { count, ...fields } = body
      return { status: 201, body: this.put({ ...fields, numbers: draw(fields, count) }) }
    }
    const factory = this.factories.get(id ?? '')
    if (method === 'POST' && what === 'restore') {
      return this.removed.has(id ?? '')
        ? { status: 200, body: this.put({ id: id ?? '' }) }
        : { status: 404 }
    }
    if (!factory) {
      return { status: 404, body: { detail: 'there is no such factory' } }
    }
    if (method !== 'GET' && request.headers['if-match'] !== `"${factory.revision}"`) {
      return { status: 412, body: { detail: 'changed meanwhile', factory } }
    }
    switch (method) {
      case 'PATCH':
        return { status: 200, body: this.put({ ...body, id: factory.id }) }
      case 'POST': {
        const numbers =
          how === 'restore' ? this.replaced.get(factory.id) : draw(factory, body.count)
        if (!numbers) {
          return { status: 404, body: { detail: 'there are no earlier numbers' } }
        }
        this.replaced.set(factory.id, factory.numbers)
        return { status: 200, body: this.put({ id: factory.id, numbers }) }
      }
      case 'DELETE':
        this.remove(factory.id)
        return { status: 204 }
      default:
        return { status: 200, body: factory }
    }
  }

  /** @param {string} path @param {import('node:http').ServerResponse} response */
  serve(path, response) {
    if (path === '/config.json') {
      response.writeHead(200, this.headers('.json')).end(JSON.stringify(this.config()))
      return
    }
    const name = path === '/' ? '/index.html' : normalize(path)
    try {
      const content = readFileSync(join(this.folder, name))
      response.writeHead(200, this.headers(extname(name))).end(content)
    } catch {
      response
        .writeHead(404, this.headers('.html'))
        .end(readFileSync(join(this.folder, '404.html')))
    }
  }

  /** The settings as a release writes them. */
  config() {
    const key = this.events.namedKey ?? this.events.key
    const signIn = this.hasSignIn ? { signIn: this.provider.settings() } : {}
    const settings = { build: this.build, api: `http://${this.host}/api`, ...signIn }
    return this.live === 'servers'
      ? { ...settings, socket: `ws://${this.host}/live` }
      : {
          ...settings,
          reads: `http://${this.host}${CACHE}`,
          socket: `ws://${this.host}/event/realtime`,
          live: { kind: 'appsync', host: this.host, key, channel: CHANNEL },
        }
  }

  /** @param {string} extension */
  headers(extension) {
    // As the release has it: the page asks the provider for tokens.
    const origin = this.hasSignIn ? ` ${this.provider.pages}` : ''
    const policy = contentSecurityPolicy()
      .replace('${ApiUrl}', `http://${this.host}`)
      .replace('${SocketUrl}', `ws://${this.host}`)
      .replace('${Tokens}', origin)
    return {
      'Content-Type': TYPES.get(extension) ?? 'application/octet-stream',
      'Content-Security-Policy': policy,
    }
  }
}

/** The policy as the template has it, with its parameters. */
function contentSecurityPolicy() {
  const template = readFileSync(TEMPLATE, 'utf8')
  const [, policy] = /ContentSecurityPolicy: !Sub\n +- >-\n((?: {16}.*\n)+)/.exec(template) ?? []
  if (!policy) {
    throw new Error('templates/site.yaml has no content security policy where it is looked for')
  }
  return policy.trim().replace(/\s+/g, ' ')
}

/** @param {import('node:http').IncomingMessage} request @returns {Promise<any>} */
async function readBody(request) {
  const pieces = []
  for await (const piece of request) {
    pieces.push(piece)
  }
  const text = Buffer.concat(pieces).toString()
  return text === '' ? {} : JSON.parse(text)
}

/** @param {{ lower: number, upper: number }} bounds @param {number} count */
function draw({ lower, upper }, count) {
  return Array.from(
    { length: count },
    () => lower + Math.floor(Math.random() * (upper - lower + 1)),
  )
}

/** The numbers of a factory among many, the same every time. @param {number} index */
export function manyFactory(index) {
  const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
  const numbers = Array.from(
    { length: index % 16 },
    (_, place) => ((index * 7919 + place * 104_729) % 1000) + 1,
  )
  return { id, name: `Factory ${index}`, lower: 1, upper: 1000, numbers }
}
