import { flushPromises, mount, type DOMWrapper, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, vi } from 'vitest'

import { factoryOf, FakeSocket, SERVERS } from '@/api/__tests__/fakeSocket'
import type { Factory } from '@/api/factory'
import { loadLater } from '@/components/useLater'

import TreeView from '../TreeView.vue'

const config = { ...SERVERS, build: 'build-7' }

export const MILL = factoryOf({ id: 'mill', name: 'Mill', numbers: [3, 12, -4] })
export const BAKERY = factoryOf({ id: 'bakery', name: 'Bakery', numbers: [] })
export const SMITHY = factoryOf({ id: 'smithy', name: 'Smithy', numbers: [7] })

/** The whole page on a faked network: the test is the API, the live channel and the person. */
export class PageUnderTest {
  readonly request = vi.fn<typeof fetch>()
  view!: VueWrapper

  /** Gives every test of a file a new page. */
  static forEachTest(): PageUnderTest {
    const page = new PageUnderTest()
    beforeEach(async () => {
      await loadLater()
      vi.useFakeTimers()
      FakeSocket.install()
      page.request.mockReset()
      vi.stubGlobal('fetch', page.request)
      sessionStorage.clear()
      page.open()
    })
    afterEach(() => {
      page.view.unmount()
      vi.useRealTimers()
    })
    return page
  }

  open(): void {
    this.view = mount(TreeView, { props: { config }, attachTo: document.body })
  }

  /** Loads the page anew, as after a new release; what others did meanwhile is in the tree. */
  async reload(...factories: Factory[]): Promise<void> {
    await this.draw()
    this.view.unmount()
    this.open()
    await this.load(...factories)
  }

  async load(...factories: Factory[]): Promise<void> {
    FakeSocket.newest.greet()
    FakeSocket.newest.saySnapshot(factories, 1)
    await this.draw()
  }

  /** A change made by somebody else arrives. */
  async receive(message: object): Promise<void> {
    FakeSocket.newest.say({ ...message, position: 2 })
    await this.draw()
  }

  async draw(): Promise<void> {
    await vi.advanceTimersByTimeAsync(20)
    await flushPromises()
  }

  /** Prepares the API's next answer. */
  answer(status: number, body?: object): void {
    const text = body ? JSON.stringify(body) : null
    this.request.mockResolvedValueOnce(new Response(text, { status }))
  }

  item(key: string): Omit<DOMWrapper<HTMLElement>, 'exists'> {
    return this.view.get<HTMLElement>(`[data-key="${key}"]`)
  }

  button(text: string): DOMWrapper<HTMLButtonElement> {
    const found = this.view.findAll('button').find((one) => one.text() === text)
    if (!found) {
      throw new Error(`there is no button "${text}"`)
    }
    return found
  }

  get focusedKey(): string | undefined {
    return (document.activeElement as HTMLElement | null)?.dataset['key']
  }

  /** Shows the numbers of all factories as items. */
  async expandAll(): Promise<void> {
    await this.view.get('[aria-label="Expand all"]').trigger('click')
    await this.draw()
  }

  async focus(key: string): Promise<void> {
    this.item(key).element.focus()
    await this.draw()
  }

  /** Presses keys where the keyboard is, one after the other. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
      document.activeElement?.dispatchEvent(event)
      await this.draw()
    }
  }

  /** Types into the open editor and saves. */
  async save(text: string): Promise<void> {
    await this.view.get('.editor input').setValue(text)
    await this.view.get('.editor').trigger('submit')
    await this.draw()
  }
}
