import { backoffDelay, wait } from './backoff'
import { parseFactories, parseFactory, parseRecord } from './factory'
import type { Contract, Factory, Unchecked } from './factory'
import type { Values } from './limits'
import { NetworkError, ProblemError, readProblem } from './problem'

const TIMEOUT_MS = 15_000
const CREATE_ATTEMPTS = 3
/** How old a list may be that comes through the cache: two seconds of its lifetime, and one for the ways. */
const CACHED_LIST_MS = 3_000

/** The fields of a factory that a person may change; only those named are changed. */
export type FactoryPatch = Contract['Edit']

/** One page of the list, with the tag that tells whether it has changed since. */
export interface FactoryPage {
  readonly factories: readonly Factory[]
  readonly cursor: string | undefined
  readonly etag: string | undefined
}

/** What a stage with sign-in wants beside a write. */
export interface Credentials {
  /** Returns the access token of who is signed in, renewed where it ends soon. */
  token(): Promise<string | undefined>
  /** Returns another token in place of one that was refused, if there is any to be had. */
  renew(refused: string): Promise<string | undefined>
  /** The API refused a write for want of a good token (401), or of the right to write (403). */
  onRefused(status: number): void
}

/** The HTTP API. Failures are `ProblemError` (refused), `NetworkError` (no answer) or a broken contract. */
export class FactoriesApi {
  private reads: string
  /** How writes are signed; nothing where everybody may write. */
  credentials: Promise<Credentials> | undefined

  /** Lists are read from `reads`, which may be a cache before the API; everything else goes to `address`. */
  constructor(
    private readonly address: string,
    reads: string = address,
  ) {
    this.reads = reads
  }

  /** Reads lists from another address from now on. */
  readFrom(reads: string): void {
    this.reads = reads
  }

  /** How much older a list may be than the question for it, in milliseconds. */
  get listAge(): number {
    return this.reads === this.address ? 0 : CACHED_LIST_MS
  }

  /** Reads one page, or returns nothing when it is still the one with this tag. */
  async listFactories(cursor?: string, etag?: string): Promise<FactoryPage | undefined> {
    const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`
    const headers = etag === undefined ? {} : { 'If-None-Match': etag }
    const response = await this.request(`/factories${query}`, { headers }, this.reads)
    if (response.status === 304) {
      return undefined
    }
    const page: Unchecked<Contract['FactoryPage']> = parseRecord(await response.json())
    return {
      factories: parseFactories(page.factories),
      cursor: typeof page.cursor === 'string' ? page.cursor : undefined,
      etag: response.headers.get('ETag') ?? undefined,
    }
  }

  async findFactory(id: string): Promise<Factory | undefined> {
    try {
      return await this.requestFactory(`/factories/${id}`, {})
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) {
        return undefined
      }
      throw error
    }
  }

  /** Creates a factory under an id made here, which is why it may be, and is, sent again. */
  async createFactory(id: string, values: Values): Promise<Factory> {
    const { name, lower, upper, count } = values
    const body: Contract['NewFactory'] = { id, name, lower, upper, count }
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.requestFactory('/factories', post(body))
      } catch (error) {
        if (attempt + 1 >= CREATE_ATTEMPTS || !mayPass(error)) {
          throw error
        }
        await wait(backoffDelay(attempt))
      }
    }
  }

  updateFactory(id: string, revision: number, patch: FactoryPatch): Promise<Factory> {
    const request = { ...withBody('PATCH', patch), revision }
    return this.requestFactory(`/factories/${id}`, request)
  }

  generateNumbers(id: string, revision: number, count: number): Promise<Factory> {
    const body: Contract['Generation'] = { count }
    return this.requestFactory(`/factories/${id}/numbers`, { ...post(body), revision })
  }

  /** Brings back the numbers that the last generation replaced. */
  restoreNumbers(id: string, revision: number): Promise<Factory> {
    return this.requestFactory(`/factories/${id}/numbers/restore`, { method: 'POST', revision })
  }

  /** Removes a factory. One that is gone already counts as removed. */
  async removeFactory(id: string, revision: number): Promise<void> {
    try {
      await this.request(`/factories/${id}`, { method: 'DELETE', revision })
    } catch (error) {
      if (!(error instanceof ProblemError && error.status === 404)) {
        throw error
      }
    }
  }

  restoreFactory(id: string): Promise<Factory> {
    return this.requestFactory(`/factories/${id}/restore`, { method: 'POST' })
  }

  private async requestFactory(path: string, request: ApiRequest): Promise<Factory> {
    const response = await this.request(path, request)
    return parseFactory(await response.json())
  }

  private async request(
    path: string,
    request: ApiRequest,
    address: string = this.address,
  ): Promise<Response> {
    const url = `${address}${path}`
    const credentials = request.method === undefined ? undefined : await this.credentials
    const token = await credentials?.token()
    let response = await send(url, request, token)
    // It was refused and has no effect: with a better token it may be sent again.
    const renewed = response.status === 401 && token ? await credentials?.renew(token) : undefined
    if (renewed) {
      response = await send(url, request, renewed)
    }
    if (!response.ok && response.status !== 304) {
      credentials?.onRefused(response.status)
      throw await readProblem(response)
    }
    return response
  }
}

interface ApiRequest {
  readonly method?: string
  readonly body?: string
  readonly headers?: Record<string, string>
  /** The revision that this request was made against; the API refuses it when there is a newer one. */
  readonly revision?: number
}

async function send(
  url: string,
  { revision, headers, ...request }: ApiRequest,
  token?: string,
): Promise<Response> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
  const match = revision === undefined ? {} : { 'If-Match': `"${revision}"` }
  const authorization = token ? { Authorization: `Bearer ${token}` } : {}
  try {
    return await fetch(url, {
      ...request,
      headers: { ...headers, ...match, ...authorization },
      // The tags are kept here: a cache in between would only hide what the API says.
      cache: 'no-store',
      credentials: 'omit',
      signal: abort.signal,
    })
  } catch {
    throw new NetworkError(
      abort.signal.aborted
        ? 'The server did not answer in time.'
        : 'The server could not be reached.',
    )
  } finally {
    clearTimeout(timer)
  }
}

function post(body: object): ApiRequest {
  return withBody('POST', body)
}

function withBody(method: string, body: object): ApiRequest {
  return { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
}

function mayPass(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ProblemError && error.isPassing)
}
