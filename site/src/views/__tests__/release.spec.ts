import { expect, it, vi } from 'vitest'

import { FakeSocket } from '@/api/__tests__/fakeSocket'

import { MILL, PageUnderTest } from './pageUnderTest'

const page = PageUnderTest.forEachTest()

async function reconnect(): Promise<void> {
  FakeSocket.newest.break()
  await vi.advanceTimersByTimeAsync(600)
  FakeSocket.newest.greet('s2')
  await page.draw()
}
function answerConfig(build: string): void {
  page.answer(200, { build, api: 'https://api.test', socket: 'ws://ws.test' })
}

it('a new release is noticed when a server says hello anew, and offered', async () => {
  await page.load(MILL)
  expect(page.request).not.toHaveBeenCalled()
  answerConfig('build-8')
  await reconnect()
  expect(page.view.get('.release').text()).toContain('A new version of this page is there.')
  expect(page.button('Reload').exists()).toBe(true)
})

it('the release that is shown is no new one', async () => {
  await page.load(MILL)
  answerConfig('build-7')
  await reconnect()
  expect(page.request).toHaveBeenCalledWith('/config.json', { cache: 'no-store' })
  expect(page.view.find('.release').exists()).toBe(false)
})

it('a release of the site alone, which restarts no server, is noticed by who comes back to the page', async () => {
  await page.load(MILL)
  answerConfig('build-8')
  document.dispatchEvent(new Event('visibilitychange'))
  expect(page.request).not.toHaveBeenCalled()
  vi.setSystemTime(Date.now() + 60_000)
  document.dispatchEvent(new Event('visibilitychange'))
  await page.draw()
  expect(page.view.get('.release').text()).toContain('A new version of this page is there.')
})

it('a release of the site alone is noticed by a page that stays open', async () => {
  await page.load(MILL)
  page.request.mockImplementation(() =>
    Promise.resolve(
      new Response('{"build":"build-8","api":"https://api.test","socket":"ws://ws.test"}'),
    ),
  )
  await vi.advanceTimersByTimeAsync(5 * 60_000)
  await page.draw()
  expect(page.view.find('.release').exists()).toBe(true)
})
