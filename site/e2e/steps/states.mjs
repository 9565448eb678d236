import assert from 'node:assert/strict'

import axe from 'axe-core'

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').CDPSession} CDPSession */

/** The themes that a person can choose. */
export const THEMES = /** @type {const} */ ([
  { colorScheme: 'light', forcedColors: 'none' },
  { colorScheme: 'dark', forcedColors: 'none' },
  { colorScheme: 'light', forcedColors: 'active' },
])
/** Roles that a person acts on: none of them is without a name. */
const NAMED = new Set(
  'button checkbox combobox group link searchbox slider textbox tree treeitem'.split(' '),
)
/** More stops than any state has. */
const MOST_STOPS = 120

/** Holds the page against axe. @param {Page} page */
export async function checkRules(page) {
  // Through the debugger, as the page's own policy rightly lets no foreign script in.
  await page.evaluate(axe.source)
  const violations = await page.evaluate(async () => {
    const { axe } = /** @type {any} */ (window)
    /** @type {import('axe-core').AxeResults} */
    const results = await axe.run()
    return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)
  })
  assert.deepEqual(violations, [])
}

/** Reads the accessibility tree: all that can be acted on has a name. @param {CDPSession} debug */
export async function checkNames(debug) {
  const { nodes } = await debug.send('Accessibility.getFullAXTree')
  const nameless = nodes
    .filter(({ ignored, role }) => !ignored && NAMED.has(String(role?.value)))
    .filter(({ name }) => String(name?.value ?? '').trim() === '')
    .map(({ role, nodeId }) => `${role?.value} ${nodeId}`)
  assert.deepEqual(nameless, [])
}

/**
 * Goes through the page by Tab: all that takes the keyboard is reached, shows that it has it, and lies under nothing.
 *
 * @param {Page} page
 */
export async function checkStops(page) {
  const expected = await page.evaluate(markStops)
  /** @type {Set<string>} */
  const reached = new Set()
  /** @type {string[]} */
  const faults = []
  for (let presses = 0; presses < MOST_STOPS; presses += 1) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(describeStop)
    if (stop.name !== '' && reached.has(stop.name)) {
      break
    }
    reached.add(stop.name)
    faults.push(...stop.faults.map((fault) => `${stop.name}: ${fault}`))
  }
  assert.deepEqual(faults, [])
  assert.deepEqual(
    expected.filter((name) => !reached.has(name)),
    [],
    'Tab does not lead there',
  )
}

/** In the page: marks what takes the keyboard, and returns the marks. */
function markStops() {
  const all = document.querySelectorAll('a[href], button, input, select, textarea, [tabindex]')
  return [...all]
    .filter((element) => element instanceof HTMLElement && element.tabIndex >= 0)
    .filter((element) => !element.matches(':disabled') && element.checkVisibility())
    .map((element, index) => {
      const label = element.getAttribute('aria-label') ?? element.textContent?.trim()
      const name = `${index} ${element.tagName} ${label}`
      element.setAttribute('data-stop', name)
      return name
    })
}

/** In the page: tells what has the keyboard, and what is wrong with it. */
function describeStop() {
  const focused = document.activeElement
  if (!focused || focused === document.body) {
    return { name: '', faults: [] }
  }
  const faults = []
  const { outlineStyle, outlineWidth, pointerEvents } = getComputedStyle(focused)
  if (outlineStyle === 'none' || Number.parseFloat(outlineWidth) === 0) {
    faults.push('does not show that it has the keyboard')
  }
  const { x, y, width, height } = focused.getBoundingClientRect()
  const [left, top] = [x + width / 2, y + height / 2]
  const seen = document.elementFromPoint(left, top)
  if (pointerEvents !== 'none' && !(seen && (focused.contains(seen) || seen.contains(focused)))) {
    faults.push(`lies under ${seen?.outerHTML.slice(0, 80) ?? 'the edge of the window'}`)
  }
  const name = focused.getAttribute('data-stop') ?? `unmarked ${focused.outerHTML.slice(0, 80)}`
  return { name, faults }
}
