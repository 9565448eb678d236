import { beforeEach, describe, expect, it, vi } from 'vitest'

import { FakeSocket } from '@/api/__tests__/fakeSocket'

import { MILL, PageUnderTest } from './pageUnderTest'

// Every wait takes its full length: chance could have the page try again before it is asked. The page takes it when it is made.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(1))
const page = PageUnderTest.forEachTest()

describe('a connection that is lost', () => {
  it('is told with the age of what is shown, and a try at once', async () => {
    page.request.mockRejectedValue(new TypeError('network'))
    await page.load(MILL)
    expect(page.view.find('.cut').exists()).toBe(false)
    FakeSocket.newest.break()
    await vi.advanceTimersByTimeAsync(1_100)
    expect(page.view.get('.cut').text()).toMatch(/^The connection is lost.*as it was at \d/)
    const opened = FakeSocket.opened.length
    FakeSocket.newest.break()
    await page.button('Try now').trigger('click')
    expect(FakeSocket.opened.length).toBeGreaterThan(opened)
    await page.load(MILL)
    expect(page.view.find('.cut').exists()).toBe(false)
  })
})

describe('nothing reachable at load', () => {
  it('says why, counts down to the next try, and tries when it is asked', async () => {
    page.request.mockRejectedValue(new TypeError('network'))
    for (let attempt = 0; attempt < 6; attempt += 1) {
      FakeSocket.newest.break()
      await vi.advanceTimersByTimeAsync(500 * 2 ** attempt + 50)
    }
    FakeSocket.newest.break()
    await page.draw()
    expect(page.view.get('.retry [role=alert]').text()).toContain('cannot be reached')
    const before = page.view.get('.next').text()
    expect(before).toMatch(/^The next try is in \d+ s\.$/)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(page.view.get('.next').text()).not.toBe(before)

    const opened = FakeSocket.opened.length
    await page.button('Try now').trigger('click')
    expect(FakeSocket.opened.length).toBe(opened + 1)
    await page.load(MILL)
    expect(page.view.find('.retry').exists()).toBe(false)
    expect(page.item('mill').text()).toContain('Mill')
  })

  it('says nothing of the kind while the API is still being asked', async () => {
    page.request.mockReturnValue(new Promise(() => {}))
    FakeSocket.newest.break()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(page.view.find('.retry').exists()).toBe(false)
    expect(page.view.text()).toContain('Loading the tree…')
  })
})
