import assert from 'node:assert/strict'

import { LIVE_MS } from '../treePage.mjs'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../treePage.mjs').Wanted} Wanted */
/** @typedef {import('../report.mjs').Report} Report */

/**
 * Every action in A appears in B without a reload, and all of it is still there after one.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b @param {string} tag
 */
export async function showLiveChanges(report, a, b, tag) {
  const mill = { name: `Mill ${tag}`, lower: 1, upper: 100, count: 5 }
  const renamed = { ...mill, name: `Windmill ${tag}` }
  const bounded = { ...renamed, lower: -7, upper: 60 }

  await b.mark()
  await report.step('A creates a factory: it appears in B', () =>
    measure(
      () => a.create(mill),
      () => b.row(mill).waitFor({ timeout: LIVE_MS }),
    ),
  )
  await report.step('A renames it: B shows the new name', async () => {
    await a.typeName(mill.name, renamed.name)
    return measure(
      () => a.save(),
      () => b.row(renamed).waitFor({ timeout: LIVE_MS }),
    )
  })
  await report.step('A changes its bounds: B shows the new bounds', async () => {
    await a.typeBounds(renamed.name, -7, 60)
    return measure(
      () => a.save(),
      () => b.row(bounded).waitFor({ timeout: LIVE_MS }),
    )
  })
  await showGenerations(report, a, b, bounded)
  await showRemoval(report, a, b, { ...bounded, count: 0 })
  await report.step('B was never reloaded', async () => {
    assert.equal(await b.isMarked(), true)
  })
}

/** @param {Report} report @param {TreePage} a @param {TreePage} b @param {Wanted} bounded */
async function showGenerations(report, a, b, bounded) {
  const full = { ...bounded, count: 15 }
  const empty = { ...bounded, count: 0 }
  const earlier = await b.numbers(bounded.name)
  await report.step(
    'A generates 15 numbers: B shows the same ones, all within the bounds',
    async () => {
      await a.typeCount(bounded.name, 15)
      const latency = await measure(
        () => a.generate(),
        () => b.row(full).waitFor({ timeout: LIVE_MS }),
      )
      const numbers = await b.numbers(full.name)
      assert.equal(numbers.length, 15)
      const isWithin = (/** @type {number} */ number) =>
        number >= full.lower && number <= full.upper
      assert.ok(numbers.every(isWithin), `outside the bounds: ${numbers}`)
      assert.deepEqual(await a.numbers(full.name), numbers)
      return latency
    },
  )
  await report.step('A undoes that: B shows the earlier numbers', async () => {
    await measure(
      () => a.undo(),
      () => b.row(bounded).waitFor({ timeout: LIVE_MS }),
    )
    assert.deepEqual(await b.numbers(bounded.name), earlier)
  })
  await report.step('A generates 0 numbers: B shows none', async () => {
    await a.typeCount(bounded.name, 0)
    return measure(
      () => a.generate(),
      () => b.row(empty).waitFor({ timeout: LIVE_MS }),
    )
  })
}

/** @param {Report} report @param {TreePage} a @param {TreePage} b @param {Wanted} factory */
async function showRemoval(report, a, b, factory) {
  await report.step('A removes it: it disappears from B', () =>
    measure(
      () => a.remove(factory.name),
      () => b.row(factory).waitFor({ state: 'detached', timeout: LIVE_MS }),
    ),
  )
  await report.step('A undoes that: the same factory is back in B', () =>
    measure(
      () => a.undo(),
      () => b.row(factory).waitFor({ timeout: LIVE_MS }),
    ),
  )
}

/**
 * A name that would run as a script where it is taken for markup.
 *
 * @param {Report} report @param {TreePage} a @param {TreePage} b
 */
export async function showNamesAsText(report, a, b) {
  const factory = { name: '<img src=x onerror=alert(1)>', lower: 1, upper: 6, count: 3 }
  await report.step('a name made of markup shows as text in both', async () => {
    await a.create(factory)
    await a.row(factory).waitFor({ timeout: LIVE_MS })
    for (const { page } of [a, b]) {
      await page.getByText(factory.name, { exact: true }).first().waitFor({ timeout: LIVE_MS })
      assert.equal(await page.locator('[role=tree] img').count(), 0)
    }
  })
}

/**
 * @param {Report} report @param {TreePage} a @param {TreePage} b
 */
export async function showReload(report, a, b) {
  await report.step('after a reload of both everything is as it was', async () => {
    const ids = a.createdIds
    const before = await treeText(a, ids)
    assert.ok(before.length > 0)
    for (const page of [a, b]) {
      await page.reload()
      assert.deepEqual(await treeText(page, ids), before)
    }
  })
}

/** These factories and their numbers as a screen reader is told them. @param {TreePage} page @param {string[]} ids */
async function treeText({ page }, ids) {
  return page
    .getByRole('treeitem')
    .evaluateAll(
      (items, wanted) =>
        items
          .filter((item) => wanted.includes(item.getAttribute('data-key')?.split('/')[0] ?? ''))
          .map((item) => item.getAttribute('aria-label')),
      ids,
    )
}

/**
 * Returns how long it takes from an action to its effect.
 *
 * @param {() => Promise<void>} act @param {() => Promise<void>} appear
 */
async function measure(act, appear) {
  const appeared = appear()
  const start = performance.now()
  // Both at once: the effect may be there before the click is told as done.
  await Promise.all([act(), appeared])
  return `${Math.round(performance.now() - start)} ms`
}
