/** Where this page finds its API and live channel; written by the deployer beside the page. */
export interface SiteConfig {
  /** Identifies the release that is shown. */
  readonly build: string
  /** Base address of the HTTP API, without a slash at the end. */
  readonly api: string
  /** Address of the live channel. */
  readonly socket: string
}

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
  return {
    build: requireText(config, 'build'),
    api: requireAddress(config, 'api', ['http:', 'https:']),
    socket: requireAddress(config, 'socket', ['ws:', 'wss:']),
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
