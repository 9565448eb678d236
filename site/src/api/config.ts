/** Where this page finds its API and live channel; written by the deployer beside the page. */
export interface SiteConfig {
  /** Identifies the release that is shown. */
  readonly build: string
  /** Base address of the HTTP API, without a slash at the end. */
  readonly api: string
  /** Address of the live channel. */
  readonly socket: string
  /** What answers at that address. */
  readonly live: Live
  /** Base address for reading the list of factories: that of the API, or of a cache before it. */
  readonly reads: string
  /** Where people sign in who want to change the tree; absent where everybody may. */
  readonly signIn?: SignIn
}

/** An identity provider: a pool of users, this page as a client of it, and its pages. */
export interface SignIn {
  readonly issuer: string
  readonly client: string
  readonly pages: string
}

/** The kind of live channel: our own servers, or an Event API of AppSync. */
export type Live = { readonly kind: 'servers' } | EventChannel

/** What a page needs to subscribe to a channel of an Event API. The key is public: it can do nothing else. */
export interface EventChannel {
  readonly kind: 'appsync'
  /** The host by which the Event API knows itself. */
  readonly host: string
  readonly key: string
  readonly channel: string
}

const HTTP = ['http:', 'https:']

/** `config.json` could not be read; the message says what is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Reads `/config.json`, which is never taken from a cache: it names the release. */
export async function loadConfig(): Promise<SiteConfig> {
  const response = await fetch('/config.json', { cache: 'no-store' }).catch(() => {
    throw new ConfigError('/config.json could not be fetched. Is the network there?')
  })
  if (!response.ok) {
    throw new ConfigError(`/config.json answered with status ${response.status}.`)
  }
  const text = await response.text()
  return parseConfig(text)
}

function parseConfig(text: string): SiteConfig {
  const config = parseObject(text)
  const build = requireText(config, 'build')
  const api = requireAddress(config, 'api', HTTP)
  return {
    build,
    api,
    socket: requireAddress(config, 'socket', ['ws:', 'wss:']),
    live: parseLive(config['live']),
    reads: config['reads'] === undefined ? api : requireAddress(config, 'reads', HTTP),
    ...parseSignIn(config['signIn']),
  }
}

function parseSignIn(value: unknown): Pick<SiteConfig, 'signIn'> {
  if (value === undefined) {
    return {}
  }
  const signIn = value as Record<string, unknown>
  return {
    signIn: {
      issuer: requireAddress(signIn, 'issuer', HTTP),
      client: requireText(signIn, 'client'),
      pages: requireAddress(signIn, 'pages', HTTP),
    },
  }
}

function parseLive(value: unknown): Live {
  const live = (value ?? { kind: 'servers' }) as Record<string, unknown>
  switch (live['kind']) {
    case 'servers':
      return { kind: 'servers' }
    case 'appsync':
      return {
        kind: 'appsync',
        host: requireText(live, 'host'),
        key: requireText(live, 'key'),
        channel: requireText(live, 'channel'),
      }
    default:
      throw new ConfigError('/config.json names a live channel of a kind that this page lacks.')
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) {
      return parsed as Record<string, unknown>
    }
  } catch {
    // Said below: a host that answers every path with its HTML page ends up here.
  }
  throw new ConfigError('/config.json does not hold a JSON object.')
}

function requireText(config: Record<string, unknown>, key: string): string {
  const value = config[key]
  if (typeof value !== 'string' || value === '') {
    throw new ConfigError(`/config.json has no text under "${key}".`)
  }
  return value
}

function requireAddress(config: Record<string, unknown>, key: string, schemes: string[]): string {
  const address = requireText(config, key)
  if (!URL.canParse(address) || !schemes.includes(new URL(address).protocol)) {
    throw new ConfigError(`/config.json has no ${schemes.join('// or ')}// address under "${key}".`)
  }
  return address.replace(/\/+$/, '')
}
