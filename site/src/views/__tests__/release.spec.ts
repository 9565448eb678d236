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
