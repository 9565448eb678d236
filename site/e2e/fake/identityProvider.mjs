/**
 * An identity provider on an origin of its own, with the endpoints of a Cognito user pool that the page uses: the form of
 * `/oauth2/authorize`, `/oauth2/token` with PKCE (S256) and rotation with a grace, `/oauth2/revoke` and `/logout`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'

import { beLate } from './late.mjs'

/** @typedef {{ name: string, groups: string[], expiresAt: number }} Grant */
/** @typedef {{ name: string, challenge: string, nonce: string | null, redirect: string }} Code */
/** @typedef {{ name: string, authTime: number, usedAt?: number }} Refresh */

export const CLIENT = 'fake-client'
const TOKEN_S = 300
/** For so long a refresh token that was rotated is still good. */
const GRACE_MS = 10_000

export class FakeIdentityProvider {
  /** How far the provider's clock is ahead: pages that are put forward need it. */
  ahead = 0
  /** The groups of each user. @type {Map<string, string[]>} */
  users = new Map()
  renewals = 0
  /** What was refused, in words. @type {string[]} */
  refusals = []
  /** Whether the token endpoint answers. */
  isUp = true
  /** @type {Map<string, Code>} */
  codes = new Map()
  /** @type {Map<string, Refresh>} */
  refreshes = new Map()
  /** @type {Map<string, Grant>} */
  grants = new Map()
  /** All tokens and codes that were ever given out. @type {string[]} */
  secrets = []

  constructor() {
    this.server = createServer((request, response) => void this.answer(request, response))
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(undefined)))
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.server.address())
    this.pages = `http://127.0.0.1:${port}`
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }

  reset() {
    this.users = new Map([
      ['ann', ['editors']],
      ['ben', []],
    ])
    Object.assign(this, { ahead: 0, renewals: 0, refusals: [], isUp: true, secrets: [] })
    this.endAll()
  }

  /** Ends every session: no token is good any more. */
  endAll() {
    this.codes.clear()
    this.refreshes.clear()
    this.grants.clear()
  }

  now() {
    return Date.now() + this.ahead
  }

  settings() {
    return { issuer: `${this.pages}/pool`, client: CLIENT, pages: this.pages }
  }

  /** What an access token grants; nothing when it is none or has ended. @param {string | undefined} header */
  grantOf(header) {
    const grant = this.grants.get(header?.replace(/^Bearer /, '') ?? '')
    return grant && grant.expiresAt > this.now() ? grant : undefined
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async answer(request, response) {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.pages)
    const form = new URLSearchParams(request.method === 'POST' ? await readText(request) : '')
    switch (pathname) {
      case '/oauth2/authorize':
        return request.method === 'POST'
          ? this.sendBack(form, response)
          : showForm(searchParams, response)
      case '/oauth2/token':
        return this.sendTokens(form, response)
      case '/oauth2/revoke':
        this.refreshes.delete(form.get('token') ?? '')
        return void response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end()
      case '/logout':
        return redirect(response, searchParams.get('logout_uri') ?? '')
      case '/favicon.ico':
        return void response.writeHead(204).end()
      default:
        return void response.writeHead(404).end()
    }
  }

  /** @param {URLSearchParams} form @param {import('node:http').ServerResponse} response */
  sendBack(form, response) {
    const code = this.newSecret()
    const text = (/** @type {string} */ key) => form.get(key) ?? ''
    const target = new URL(text('redirect_uri'))
    this.codes.set(code, {
      name: text('name'),
      challenge: text('code_challenge'),
      nonce: form.get('nonce'),
      redirect: text('redirect_uri'),
    })
    target.searchParams.set('code', code)
    target.searchParams.set('state', text('state'))
    redirect(response, target.href)
  }

  /** @param {URLSearchParams} form @param {import('node:http').ServerResponse} response */
  async sendTokens(form, response) {
    if (!this.isUp) {
      response.destroy()
      return
    }
    const granted =
      form.get('grant_type') === 'refresh_token' ? this.renew(form) : this.redeem(form)
    const headers = { 'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*' }
    if (typeof granted === 'string' || form.get('client_id') !== CLIENT) {
      this.refusals.push(String(granted))
      response.writeHead(400, headers).end(JSON.stringify({ error: 'invalid_grant' }))
      return
    }
    const tokens = JSON.stringify(this.makeTokens(granted))
    await beLate()
    response.writeHead(200, headers).end(tokens)
  }

  /** @param {URLSearchParams} form @returns {{ name: string, nonce?: string | null, authTime: number } | string} */
  redeem(form) {
    const code = this.codes.get(form.get('code') ?? '')
    this.codes.delete(form.get('code') ?? '')
    const verifier = form.get('code_verifier') ?? ''
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    if (!code || code.challenge !== challenge || code.redirect !== form.get('redirect_uri')) {
      return 'a code that is not good'
    }
    return { name: code.name, nonce: code.nonce, authTime: Math.floor(this.now() / 1000) }
  }

  /** @param {URLSearchParams} form @returns {{ name: string, authTime: number } | string} */
  renew(form) {
    const refresh = this.refreshes.get(form.get('refresh_token') ?? '')
    if (!refresh || this.now() - (refresh.usedAt ?? this.now()) > GRACE_MS) {
      return refresh ? 'a refresh token that was used before' : 'a refresh token that is not good'
    }
    refresh.usedAt ??= this.now()
    this.renewals += 1
    return refresh
  }

  /** @param {{ name: string, nonce?: string | null, authTime: number }} person */
  makeTokens({ name, nonce, authTime }) {
    const iat = Math.floor(this.now() / 1000)
    const groups = this.users.get(name) ?? []
    const claims = { sub: `sub-${name}`, iat, exp: iat + TOKEN_S, auth_time: authTime }
    const access = this.newToken({
      ...claims,
      token_use: 'access',
      client_id: CLIENT,
      username: name,
      'cognito:groups': groups,
    })
    const id = this.newToken({
      ...claims,
      token_use: 'id',
      aud: CLIENT,
      'cognito:username': name,
      ...(nonce ? { nonce } : {}),
    })
    const refresh = this.newSecret()
    this.refreshes.set(refresh, { name, authTime })
    this.grants.set(access, { name, groups, expiresAt: this.now() + TOKEN_S * 1000 })
    return {
      access_token: access,
      id_token: id,
      refresh_token: refresh,
      token_type: 'Bearer',
      expires_in: TOKEN_S,
    }
  }

  /** Makes a token whose signature is good for this provider only. @param {object} claims */
  newToken(claims) {
    const part = (/** @type {object} */ value) =>
      Buffer.from(JSON.stringify(value)).toString('base64url')
    const token = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${randomBytes(16).toString('base64url')}`
    this.secrets.push(token)
    return token
  }

  newSecret() {
    const secret = randomBytes(16).toString('base64url')
    this.secrets.push(secret)
    return secret
  }
}

/** @param {URLSearchParams} query @param {import('node:http').ServerResponse} response */
function showForm(query, response) {
  const kept = ['redirect_uri', 'state', 'code_challenge', 'nonce']
    .filter((key) => query.has(key))
    .map((key) => `<input type="hidden" name="${key}" value="${escaped(query.get(key) ?? '')}">`)
  response.writeHead(200, { 'Content-Type': 'text/html' }).end(
    `<!doctype html><html lang="en"><title>Sign in</title><form method="post" action="/oauth2/authorize">${kept.join('')}
    <label>User name <input name="name"></label><button>Continue</button></form></html>`,
  )
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;')
}

/** @param {import('node:http').ServerResponse} response @param {string} target */
function redirect(response, target) {
  response.writeHead(302, { Location: target }).end()
}

/** @param {import('node:http').IncomingMessage} request */
async function readText(request) {
  const pieces = []
  for await (const piece of request) {
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
