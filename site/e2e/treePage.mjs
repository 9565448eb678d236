import { setTimeout as pause } from 'node:timers/promises'

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */
/** @typedef {{ name: string, lower: number, upper: number, count: number }} Wanted */

/** The longest time after which a change may appear in another browser. */
export const LIVE_MS = 2_000

/** A page of the site in one browser, in the words of a person who uses it. */
export class TreePage {
  /**
   * @param {string} label how the story calls this browser
   * @param {Page} page
   */
  constructor(label, page) {
    this.label = label
    this.page = page
    /** Everything that must not happen, in the page's own words. @type {string[]} */
    this.complaints = []
    /** The factories that this page has asked for since `removeCreated`. @type {string[]} */
    this.createdIds = []
    this.watch()
  }

  watch() {
    const { page, label } = this
    page.on('dialog', (dialog) => {
      this.complaints.push(`${label}: a dialog opened: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('pageerror', (error) => this.complaints.push(`${label}: ${error.stack}`))
    page.on('console', (message) => {
      // The conflict of the story is answered with 412, which browsers log as an error of their own.
      if (message.type() === 'error' && !message.text().includes('status of 412')) {
        this.complaints.push(`${label}: ${message.text()}`)
      }
    })
    page.on('request', (request) => {
      const isCreation = request.method() === 'POST' && request.url().endsWith('/factories')
      const { id } = isCreation ? request.postDataJSON() : {}
      this.createdIds.push(...(id ? [id] : []))
    })
  }

  /** @param {string} url */
  async open(url) {
    await this.page.goto(url)
    await this.waitUntilLive()
  }

  async reload() {
    await this.page.reload()
    await this.waitUntilLive()
  }

  async waitUntilLive() {
    await this.page.getByRole('tree').waitFor()
    await this.page.locator('[role=status]', { hasText: /^Live$/ }).waitFor()
    // What answers keys and clicks comes a moment after the first rows.
    await this.page.locator('.toasts').waitFor({ state: 'attached' })
  }

  /** Leaves a mark that a reload would wipe off. */
  async mark() {
    await this.page.evaluate(() => document.body.setAttribute('data-story', 'same page'))
  }

  async isMarked() {
    return (await this.page.locator('body').getAttribute('data-story')) === 'same page'
  }

  /** The row of a factory in its confirmed state. @param {Wanted} factory */
  row({ name, lower, upper, count }) {
    const numbers = count === 1 ? '1 number' : `${count} numbers`
    const bounds = `${shown(lower)} to ${shown(upper)}`
    const whole = [
      // Numbers that are listed stand in between.
      ...(count > 0 ? [`${bounds}, [^,]+, ${numbers}`] : []),
      `${bounds}, ${count > 0 ? numbers : 'no numbers'}`,
    ].join('|')
    const label = new RegExp(`^${escaped(isolated(name))}, (${whole})$`)
    return this.page.getByRole('treeitem', { name: label })
  }

  /** The entry of a factory in the list, with its buttons and numbers. @param {string} name */
  entry(name) {
    const title = this.page.locator('.title', { hasText: exactly(name) })
    return this.page.locator('.row', { has: title })
  }

  /** The numbers of a factory. @param {string} name */
  async numbers(name) {
    const texts = await this.entry(name).locator('.number').allInnerTexts()
    return texts.map((text) => Number(text.trim().replace('−', '-')))
  }

  /** @param {Wanted} factory */
  async create(factory) {
    await this.typeFactory(factory)
    await this.page.getByRole('button', { name: 'Create' }).click()
  }

  /** Shows the form for new factories, unless it is there. */
  async openForm() {
    const button = this.page.getByRole('button', { name: 'New factory' })
    if ((await button.getAttribute('aria-expanded')) === 'false') {
      await button.click()
    }
  }

  /** Fills in the form for a new factory. @param {Wanted} factory */
  async typeFactory({ name, lower, upper, count }) {
    await this.openForm()
    const form = this.page.locator('#creation')
    await form.getByLabel('Name').fill(name)
    await form.getByLabel('Lower bound', { exact: true }).fill(String(lower))
    await form.getByLabel('Upper bound', { exact: true }).fill(String(upper))
    await form.getByLabel('How many').fill(String(count))
  }

  /** Opens the editor for a new name and types it. @param {string} name @param {string} newName */
  async typeName(name, newName) {
    await this.useTool(name, 'Rename (F2)')
    await this.page.getByLabel('New name').fill(newName)
  }

  async save() {
    await this.page.getByRole('button', { name: 'Save', exact: true }).click()
  }

  /** @param {string} name @param {number} lower @param {number} upper */
  async typeBounds(name, lower, upper) {
    const row = this.entry(name)
    await row.getByTitle('Change bounds').click()
    await row.getByLabel('Lower bound', { exact: true }).fill(String(lower))
    await row.getByLabel('Upper bound', { exact: true }).fill(String(upper))
  }

  /** @param {string} name @param {number} count */
  async typeCount(name, count) {
    const row = this.entry(name)
    await this.useTool(name, 'Generate numbers')
    await row.getByLabel('How many (0 to 15)').fill(String(count))
  }

  async generate() {
    await this.page.getByRole('button', { name: 'Generate', exact: true }).click()
  }

  /** @param {string} name */
  async remove(name) {
    await this.useTool(name, 'Remove (Delete)')
  }

  /** Presses one of the buttons that a row shows under the pointer. @param {string} name @param {string} title */
  async useTool(name, title) {
    const row = this.entry(name)
    await row.locator('.line').hover()
    await row.getByTitle(title).click()
  }

  async undo() {
    await this.page.getByRole('button', { name: /^Undo/ }).last().click()
  }

  /** Presses a button by its whole name. @param {string} name */
  async press(name) {
    await this.page.getByRole('button', { name, exact: true }).click()
  }

  /** Presses a key again and again until something has the keyboard. @param {string} key @param {Locator} target */
  async pressUntilFocused(key, target) {
    for (let presses = 0; presses < 40; presses += 1) {
      const handles = await target.elementHandles()
      const focused = await Promise.all(
        handles.map((handle) => handle.evaluate((element) => element === document.activeElement)),
      )
      if (focused.includes(true)) {
        return
      }
      await this.page.keyboard.press(key)
      await pause(10)
    }
    throw new Error(`${key} does not lead to ${target}`)
  }

  /** Whether something lies over what has the keyboard. */
  async coversFocus() {
    return this.page.evaluate(() => {
      const focused = /** @type {Element} */ (document.activeElement)
      const { x, y, width, height } = focused.getBoundingClientRect()
      const seen = document.elementFromPoint(x + width / 2, y + height / 2)
      return !focused.contains(seen)
    })
  }

  /** The next request of this kind takes effect, and the page never hears of it. @param {string} method */
  async loseNextAnswer(method) {
    await this.page.evaluate((lost) => {
      const send = globalThis.fetch
      globalThis.fetch = async (url, request) => {
        const answer = await send(url, request)
        if (request?.method !== lost) {
          return answer
        }
        globalThis.fetch = send
        throw new TypeError('the answer got lost')
      }
    }, method)
  }

  /** Removes the factories that this page has made. Asked of the API, as the page would. */
  async removeCreated() {
    await this.page.evaluate(async (ids) => {
      const { api } = await (await fetch('/config.json')).json()
      for (const id of ids) {
        const found = await fetch(`${api}/factories/${id}`)
        if (found.ok) {
          const { revision } = await found.json()
          const headers = { 'If-Match': `"${revision}"` }
          await fetch(`${api}/factories/${id}`, { method: 'DELETE', headers })
        }
      }
    }, this.createdIds.splice(0))
  }
}

/** Writes a small number as the page does, with the minus sign of typography. @param {number} value */
function shown(value) {
  return String(value).replace('-', '−')
}

/** Marks a name as the page does, so that its direction does not reorder the words around it. @param {string} name */
function isolated(name) {
  return `\u2068${name}\u2069`
}

/** Matches a whole text and nothing more. @param {string} text */
function exactly(text) {
  return new RegExp(`^${escaped(text)}$`)
}

/** Writes a text so that it matches itself. @param {string} text */
function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
