import assert from 'node:assert/strict'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */
/** @typedef {import('../fake/stage.mjs').FakeStage} FakeStage */
/** @typedef {import('playwright-core').Locator} Locator */

/** A person who has no pointer. */
class Keys {
  /** @param {TreePage} tree @param {FakeStage} stage */
  constructor(tree, stage) {
    this.tree = tree
    this.page = tree.page
    this.stage = stage
  }

  /** Presses keys, one after the other. @param {string[]} keys */
  async press(...keys) {
    for (const key of keys) {
      await this.page.keyboard.press(key)
    }
  }

  /** Writes a text in place of what the field holds. @param {string} text */
  async write(text) {
    await this.press('ControlOrMeta+a')
    await this.page.keyboard.type(text)
  }

  /** Goes to a button by Tab and presses it. @param {string | RegExp} name */
  async use(name) {
    await this.goTo(this.page.getByRole('button', { name, exact: typeof name === 'string' }))
    await this.press('Enter')
  }

  /** @param {Locator} target */
  async goTo(target) {
    await this.tree.pressUntilFocused('Tab', target)
  }

  /** Goes to the row of a factory in the tree. @param {string} name */
  async goToRow(name) {
    await this.goTo(this.page.getByRole('treeitem'))
    await this.press('Home')
    await this.tree.pressUntilFocused('ArrowDown', this.row(name))
  }

  /** The row of a factory, whatever else it tells. @param {string} name */
  row(name) {
    const title = this.page.locator('.title', { hasText: name })
    return this.page.getByRole('treeitem').filter({ has: title })
  }

  /** @param {string} label */
  field(label) {
    return this.page.getByLabel(label, { exact: true })
  }

  /** Waits until the stage has a factory of that name, and returns it. @param {string} name */
  async stored(name) {
    const find = () => [...this.stage.factories.values()].find((factory) => factory.name === name)
    await until(() => find() !== undefined, `the stage has no factory “${name}”`)
    return /** @type {NonNullable<ReturnType<typeof find>>} */ (find())
  }

  /** Waits for something that the page writes. @param {string | RegExp} text */
  async reads(text) {
    await this.page.getByText(text).first().waitFor()
  }
}

/** Waits until something is so. @param {() => boolean} isSo @param {string} complaint */
export async function until(isSo, complaint) {
  for (const end = Date.now() + 60_000; !isSo();) {
    assert.ok(Date.now() < end, complaint)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/**
 * All that a person can do, without a pointer.
 *
 * @param {Report} report @param {TreePage} tree @param {FakeStage} stage
 */
export async function showEverythingByKeys(report, tree, stage) {
  const keys = new Keys(tree, stage)
  await showOneFactory(report, keys)
  await showMany(report, keys)
  await showTrouble(report, keys)
}

/** @param {Report} report @param {Keys} keys */
async function showOneFactory(report, keys) {
  await report.step('keys: create, with an error on the way', async () => {
    await keys.use('New factory')
    await keys.press('Enter')
    await keys.reads('Name is empty')
    await keys.goTo(keys.field('Name'))
    await keys.page.keyboard.type('Foundry')
    await keys.goTo(keys.field('Lower bound'))
    await keys.write('10')
    await keys.press('Enter')
    const { lower, upper, numbers } = await keys.stored('Foundry')
    assert.deepEqual([lower, upper, numbers.length], [10, 100, 5])
    await keys.press('Escape')
  })
  await report.step('keys: rename', async () => {
    await keys.goToRow('Foundry')
    await keys.press('F2')
    await keys.write('Forge')
    await keys.press('Enter')
    await keys.stored('Forge')
  })
  await report.step('keys: change bounds, by typing and by the slider', async () => {
    await keys.goToRow('Forge')
    await keys.use(/^Change bounds of .*Forge/)
    await keys.goTo(keys.field('Upper bound'))
    await keys.write('80')
    await keys.goTo(keys.field('Lower bound, slider'))
    await keys.press('ArrowRight')
    await keys.use('Save')
    await until(() => [...keys.stage.factories.values()].some(({ upper }) => upper === 80), 'no 80')
    assert.ok((await keys.stored('Forge')).lower > 10)
  })
  await report.step('keys: generate, and undo it', async () => {
    const before = (await keys.stored('Forge')).numbers
    await keys.goToRow('Forge')
    await keys.use(/^Generate numbers for .*Forge/)
    await keys.write('15')
    await keys.press('Enter')
    await until(
      () => [...keys.stage.factories.values()].some(({ numbers }) => numbers !== before),
      'nothing was generated',
    )
    await keys.reads('Generated 15 numbers for')
    await keys.press('ControlOrMeta+z')
    await until(
      () =>
        [...keys.stage.factories.values()].some(
          ({ numbers }) => String(numbers) === String(before),
        ),
      'the numbers are not back',
    )
  })
  await report.step('keys: open, look at numbers, close', async () => {
    await keys.goToRow('Forge')
    await keys.press('ArrowRight', 'ArrowRight')
    const number = keys.page.locator('[role=treeitem][aria-level="3"]:focus')
    await number.waitFor()
    await keys.press('ArrowLeft', 'ArrowLeft')
    assert.equal(await keys.page.locator('[role=treeitem][aria-level="3"]').count(), 0)
  })
  await report.step('keys: remove, and undo', async () => {
    await keys.goToRow('Forge')
    await keys.press('Delete')
    await until(() => keys.stage.factories.size === 7, 'nothing was removed')
    // The undo is offered when the answer has come.
    await keys.page.locator('.toast', { hasText: 'Removed' }).waitFor()
    await keys.press('ControlOrMeta+z')
    await keys.stored('Forge')
  })
  await report.step('keys: copy the link', async () => {
    await keys.goToRow('Forge')
    await keys.use(/^Copy link to .*Forge/)
    await keys.reads(/Copied the link|in the address bar/)
  })
}

/** @param {Report} report @param {Keys} keys */
async function showMany(report, keys) {
  await report.step('keys: filter, and on into the tree', async () => {
    await keys.goTo(keys.field('Filter by name'))
    await keys.page.keyboard.type('light')
    await keys.reads('1 of 8')
    await keys.press('ArrowDown')
    await keys.row('Lighthouse').and(keys.page.locator(':focus')).waitFor()
    await keys.goTo(keys.field('Filter by name'))
    await keys.press('Escape')
    await keys.row('Bakery').waitFor()
  })
  await report.step('keys: sort', async () => {
    await keys.goTo(keys.page.getByRole('combobox', { name: 'Sort' }))
    await keys.page.keyboard.type('Most')
    await keys.press('Enter')
    const first = keys.page.getByRole('treeitem').nth(1)
    await first.filter({ hasText: /Forge|Night shift/ }).waitFor()
    await keys.page.keyboard.type('Name')
    await keys.press('Enter')
    await first.filter({ hasText: 'Assembly line' }).waitFor()
  })
  await report.step('keys: expand all, collapse all', async () => {
    await keys.goTo(keys.page.getByRole('treeitem'))
    await keys.press('*')
    await keys.page.locator('[role=treeitem][aria-level="3"]').first().waitFor()
    await keys.use('Collapse all')
    await keys.page
      .locator('[role=treeitem][aria-level="3"]')
      .first()
      .waitFor({ state: 'detached' })
  })
  await report.step('keys: select three, remove them, restore all', async () => {
    await keys.goToRow('Bakery')
    await keys.press('Space', 'Shift+ArrowDown', 'Shift+ArrowDown')
    await keys.reads('3 selected')
    await keys.press('Delete')
    await until(() => keys.stage.factories.size === 5, 'three were not removed')
    await keys.use('Restore all 3')
    await until(() => keys.stage.factories.size === 8, 'three were not restored')
  })
  await report.step('keys: generate anew for two', async () => {
    const before = (await keys.stored('Lighthouse')).revision
    await keys.goToRow('Lighthouse')
    await keys.press('Space', 'Shift+ArrowDown')
    await keys.use('Generate anew')
    await until(
      () =>
        [...keys.stage.factories.values()].some(
          (one) => one.name === 'Lighthouse' && one.revision > before,
        ),
      'nothing was generated',
    )
  })
}

/** @param {Report} report @param {Keys} keys */
async function showTrouble(report, keys) {
  await report.step('keys: a conflict, mine kept', async () => {
    const { id } = await keys.stored('Bakery')
    await keys.goToRow('Bakery')
    await keys.press('F2')
    await keys.write('Bakehouse')
    keys.stage.put({ id, name: 'Pastry shop' })
    await keys.reads('Somebody else has just changed this')
    await keys.press('Enter')
    for (const column of ['Before', 'Yours', 'Theirs']) {
      await keys.page.getByRole('columnheader', { name: column }).waitFor()
    }
    await keys.use('Keep mine')
    await keys.stored('Bakehouse')
  })
  await report.step(
    'keys: removed by others while it is renamed; restored, and saved',
    async () => {
      const { id } = await keys.stored('Windmill')
      await keys.goToRow('Windmill')
      await keys.press('F2')
      await keys.write('Watermill')
      keys.stage.remove(id)
      await keys.reads('Somebody removed')
      await keys.use('Restore')
      await keys.stored('Windmill')
      await keys.goTo(keys.field('New name'))
      await keys.press('Enter')
      await keys.stored('Watermill')
    },
  )
  await report.step('keys: a creation that failed is tried again', async () => {
    keys.stage.nextAnswers.push({ status: 409, body: { detail: 'The tree is full.' } })
    await keys.use('New factory')
    await keys.page.keyboard.type('Second try')
    await keys.press('Enter')
    await keys.reads('could not be created')
    await keys.use('Try again')
    await keys.stored('Second try')
  })
  await report.step('keys: a new release is taken, and what was typed stays', async () => {
    await keys.goTo(keys.field('Name'))
    await keys.page.keyboard.type('Not sent')
    keys.stage.build = 'next'
    keys.stage.hangUp()
    await keys.reads('A new version of this page')
    await keys.use('Reload')
    await keys.page.getByText('Build next').waitFor()
    assert.equal(await keys.field('Name').inputValue(), 'Not sent')
  })
  await report.step('keys: nothing can be reached; try now', async () => {
    keys.stage.isUp = false
    keys.stage.hangUp()
    await keys.page.reload()
    await keys.reads('cannot be reached')
    await keys.goTo(keys.page.getByRole('button', { name: 'Try now' }))
    keys.stage.isUp = true
    await keys.press('Enter')
    await keys.tree.waitUntilLive()
  })
}
