import { beforeEach, expect, it, vi } from 'vitest'

import { factoryOf } from '@/api/__tests__/fakeSocket'

import { PageUnderTest } from './pageUnderTest'

/** Stands in for the browser's layout: the test says how tall an element is. */
class FakeResizeObserver {
  static all: FakeResizeObserver[] = []
  readonly observed = new Set<Element>()

  constructor(private readonly tell: (entries: object[]) => void) {
    FakeResizeObserver.all.push(this)
  }
  observe(element: Element): void {
    this.observed.add(element)
  }
  unobserve(element: Element): void {
    this.observed.delete(element)
  }
  disconnect(): void {
    this.observed.clear()
  }

  static measure(element: Element, blockSize: number): void {
    for (const observer of FakeResizeObserver.all) {
      if (observer.observed.has(element)) {
        observer.tell([{ target: element, borderBoxSize: [{ blockSize }] }])
      }
    }
  }
}

beforeEach(() => {
  FakeResizeObserver.all = []
  vi.stubGlobal('ResizeObserver', FakeResizeObserver)
})
const page = PageUnderTest.forEachTest()
const many = Array.from({ length: 150 }, (_, index) =>
  factoryOf({ id: `f${index}`, name: `Factory ${index}`, numbers: [1, 2] }),
)

function topOf(id: string): number {
  const style = page.view.get(`[data-row="${id}"]`).attributes('style') ?? ''
  return Number(/translateY\((-?[\d.]+)px\)/.exec(style)?.[1])
}
async function measure(id: string, height: number): Promise<void> {
  FakeResizeObserver.measure(page.view.get(`[data-row="${id}"]`).element, height)
  await page.draw()
}
function listHeight(): string | undefined {
  return page.view.get('.rows').attributes('style')
}
/** Puts the window's top edge so far below the top of the list. */
async function scrollTo(top: number): Promise<void> {
  const list = page.view.get('.rows').element
  vi.spyOn(list, 'getBoundingClientRect').mockReturnValue(new DOMRect(0, -top, 800, 6_000))
  window.dispatchEvent(new Event('scroll'))
  await page.draw()
}

it('an open row that is taller moves those below it, until it is closed', async () => {
  await page.load(...many)
  expect([topOf('f1'), topOf('f2')]).toEqual([40, 80])
  await page.focus('f1')
  await page.press('ArrowRight')
  await measure('f1', 100)
  expect([topOf('f1'), topOf('f2')]).toEqual([40, 140])
  expect(listHeight()).toContain('6060px')
  await page.press('ArrowLeft')
  expect(topOf('f2')).toBe(80)
  expect(listHeight()).toContain('6000px')
})

it('a row that is measured as tall as all others moves nothing', async () => {
  await page.load(...many)
  await page.focus('f1')
  await page.press('ArrowRight')
  await measure('f1', 100)
  await measure('f1', 40)
  expect(topOf('f2')).toBe(80)
})

it('what is on the screen stays where it is when a row above it grows', async () => {
  await page.load(...many)
  await page.focus('f1')
  await page.press('ArrowRight')
  await scrollTo(3_000)
  const scrollBy = vi.spyOn(window, 'scrollBy').mockImplementation(() => undefined)
  await measure('f1', 100)
  expect(scrollBy).toHaveBeenCalledExactlyOnceWith({ top: 60, behavior: 'instant' })
})

it('the rows that the window shows are drawn, and the one with the keyboard', async () => {
  await page.load(...many)
  await page.focus('f1')
  await scrollTo(3_000)
  const ids = page.view.findAll('.row').map((row) => row.attributes('data-row'))
  expect(ids).toContain('f1')
  expect(ids).toContain('f80')
  expect(ids).not.toContain('f2')
  expect(ids).not.toContain('f149')
})

it('all rows are printed, and after that the window draws its own again', async () => {
  await page.load(...many)
  const before = page.view.findAll('.row').length
  window.dispatchEvent(new Event('beforeprint'))
  await page.draw()
  expect(page.view.findAll('.row')).toHaveLength(150)
  window.dispatchEvent(new Event('afterprint'))
  await page.draw()
  expect(page.view.findAll('.row')).toHaveLength(before)
})

it('a window of another size has rows of another height', async () => {
  await page.load(...many)
  document.documentElement.style.setProperty('--row-height', '3rem')
  document.documentElement.style.fontSize = '16px'
  try {
    window.dispatchEvent(new Event('resize'))
    await page.draw()
    expect(topOf('f2')).toBe(96)
  } finally {
    document.documentElement.removeAttribute('style')
  }
})
