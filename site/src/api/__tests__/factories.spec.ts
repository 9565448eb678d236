import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { FactoriesApi } from '../factories'
import { creationTime } from '../factory'
import { describeError, NetworkError, ProblemError } from '../problem'
import { newUuid } from '../uuid'
import { factoryOf } from './fakeSocket'

const api = new FactoriesApi('https://api.test')
const request = vi.fn<typeof fetch>()

function answer(status: number, body?: object, headers?: Record<string, string>): Response {
  return new Response(body && JSON.stringify(body), headers ? { status, headers } : { status })
}

function sent(call = 0): { url: string; init: RequestInit } {
  const [url, init] = request.mock.calls[call] ?? []
  return { url: String(url), init: init ?? {} }
}

beforeEach(() => {
  vi.useFakeTimers()
  request.mockReset()
  vi.stubGlobal('fetch', request)
})
afterEach(() => vi.useRealTimers())

describe('creating', () => {
  const values = { name: 'Mill', lower: 1, upper: 9, count: 2 }

  it('sends the id made here, and nothing that is unknown to the API', async () => {
    request.mockResolvedValue(answer(201, factoryOf()))
    await api.createFactory('a', { ...values, more: 1 } as typeof values)
    expect(sent().url).toBe('https://api.test/factories')
    expect(JSON.parse(String(sent().init.body))).toEqual({ id: 'a', ...values })
  })

  it('is sent again with the same id when no answer came', async () => {
    request.mockRejectedValueOnce(new TypeError('network'))
    request.mockResolvedValueOnce(answer(503))
    request.mockResolvedValueOnce(answer(200, factoryOf()))
    const created = api.createFactory('a', values)
    await vi.runAllTimersAsync()
    expect(await created).toEqual(factoryOf())
    expect(sent(2).init.body).toBe(sent(0).init.body)
  })

  it('is not sent again when it was refused', async () => {
    const problem = { type: 'https://x/problems/invalid-field', detail: 'no', field: 'count' }
    request.mockResolvedValue(answer(422, problem))
    await expect(api.createFactory('a', values)).rejects.toMatchObject({
      status: 422,
      slug: 'invalid-field',
      field: 'count',
      message: 'no',
    })
    expect(request).toHaveBeenCalledTimes(1)
  })

  it('gives up after three tries', async () => {
    request.mockRejectedValue(new TypeError('network'))
    const created = expect(api.createFactory('a', values)).rejects.toBeInstanceOf(NetworkError)
    await vi.runAllTimersAsync()
    await created
    expect(request).toHaveBeenCalledTimes(3)
  })
})

it('a write names the revision that it was made against', async () => {
  request.mockImplementation(async () => answer(200, factoryOf()))
  await api.updateFactory('a', 7, { name: 'B' })
  await api.generateNumbers('a', 8, 15)
  expect(sent(0).init).toMatchObject({ method: 'PATCH', body: '{"name":"B"}' })
  expect(sent(0).init.headers).toMatchObject({ 'If-Match': '"7"' })
  expect(sent(1).url).toBe('https://api.test/factories/a/numbers')
  expect(sent(1).init.headers).toMatchObject({ 'If-Match': '"8"' })
})

it('a mismatch carries the factory as it stands now', async () => {
  request.mockResolvedValue(answer(412, { factory: factoryOf({ revision: 9 }) }))
  const error = await api.updateFactory('a', 7, { name: 'B' }).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(ProblemError)
  expect((error as ProblemError).current?.revision).toBe(9)
})

it('removing what is gone counts as removed', async () => {
  request.mockResolvedValue(answer(404))
  await expect(api.removeFactory('a', 1)).resolves.toBeUndefined()
})

it('a missing factory is found as nothing', async () => {
  request.mockResolvedValue(answer(404))
  expect(await api.findFactory('a')).toBeUndefined()
})

it('a request without an answer ends by itself', async () => {
  request.mockImplementation(
    (_, init) =>
      new Promise((_resolve, reject) =>
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      ),
  )
  const found = expect(api.findFactory('a')).rejects.toThrow('did not answer in time')
  await vi.advanceTimersByTimeAsync(15_000)
  await found
})

it('a page that is not what the contract says is refused', async () => {
  request.mockResolvedValue(answer(200, { factories: [{ id: 'a' }], cursor: null }))
  await expect(api.listFactories()).rejects.toThrow('needs an id and a name')
})

describe('what a person is told', () => {
  it('is the detail of a refusal', () => {
    expect(describeError(new ProblemError(422, '`count` is 16', 'invalid-field'))).toBe(
      '`count` is 16',
    )
  })

  it('is no text from inside a failing server', () => {
    const text = describeError(new ProblemError(500, 'at handler.rs:12', 'internal'))
    expect(text).toBe('The server could not do it now (status 500). Try again in a moment.')
  })

  it('is the cure for a lost connection', () => {
    expect(describeError(new NetworkError('The server could not be reached.'))).toContain(
      'Check the connection',
    )
  })
})

it('an id is a random UUID that tells when it was made', () => {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  expect(newUuid()).toMatch(form)
  expect(newUuid(1_700_000_000_000)).not.toBe(newUuid(1_700_000_000_000))
  expect(creationTime(newUuid(1_700_000_000_000))).toBe(1_700_000_000_000)
  expect(creationTime('6fa459ea-ee8a-4ca4-894e-db77e160355e')).toBe(0)
})

describe('where people sign in', () => {
  const credentials = {
    token: vi.fn(async (): Promise<string | undefined> => 'old'),
    renew: vi.fn(async (): Promise<string | undefined> => 'new'),
    onRefused: vi.fn(),
  }
  const signed = new FactoriesApi('https://api.test')
  signed.credentials = Promise.resolve(credentials)
  const tokenOf = (call: number) =>
    (sent(call).init.headers as Record<string, string>)['Authorization']

  it('a write carries the token, and a read does not', async () => {
    request.mockResolvedValueOnce(answer(200, factoryOf()))
    await signed.updateFactory('a', 1, { name: 'b' })
    request.mockResolvedValueOnce(answer(200, { factories: [] }))
    await signed.listFactories()
    expect([tokenOf(0), tokenOf(1)]).toEqual(['Bearer old', undefined])
  })

  it('a token that is refused is renewed once, and the write is sent again', async () => {
    request.mockResolvedValueOnce(answer(401, { message: 'Unauthorized' }))
    request.mockResolvedValueOnce(answer(200, factoryOf({ name: 'b' })))
    expect((await signed.updateFactory('a', 1, { name: 'b' })).name).toBe('b')
    expect(credentials.renew).toHaveBeenCalledWith('old')
    expect([tokenOf(0), tokenOf(1)]).toEqual(['Bearer old', 'Bearer new'])
  })

  it('a write without a token that is good is refused in words for people', async () => {
    credentials.token.mockResolvedValueOnce(undefined)
    request.mockResolvedValueOnce(answer(401, { message: 'Unauthorized' }))
    const error: unknown = await signed.restoreFactory('a').catch((cause: unknown) => cause)
    expect(describeError(error)).toBe('Sign in to change the tree. What you typed is kept.')
    expect(credentials.onRefused).toHaveBeenCalledWith(401)
  })

  it('a factory tells who changed it', async () => {
    request.mockResolvedValueOnce(answer(200, { ...factoryOf(), changed_by: 'ann' }))
    expect((await signed.restoreFactory('a')).changedBy).toBe('ann')
  })

  it('a factory that was changed by no text breaks the contract', async () => {
    request.mockResolvedValueOnce(answer(200, { ...factoryOf(), changed_by: 7 }))
    await expect(signed.restoreFactory('a')).rejects.toThrow('who changed it')
  })
})
