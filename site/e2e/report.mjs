import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** @typedef {import('./treePage.mjs').TreePage} TreePage */

/** Runs the steps of the story, one line each, and counts. */
export class Report {
  /** @param {TreePage[]} pages whose pictures are kept when a step fails */
  constructor(pages) {
    this.pages = pages
    /** Stands before each line. */
    this.heading = ''
    this.passed = 0
    this.failed = 0
  }

  /**
   * @param {string} name what the step shows, as a sentence
   * @param {() => Promise<string | void>} show fails by throwing; what it returns is added to the line
   */
  async step(name, show) {
    const line = this.heading ? `${this.heading}: ${name}` : name
    try {
      const detail = await show()
      this.passed += 1
      console.log(`ok    ${line}${detail ? ` (${detail})` : ''}`)
    } catch (error) {
      this.failed += 1
      console.log(`FAIL  ${line}\n      ${error instanceof Error ? error.message : error}`)
      await this.keepPictures()
    }
  }

  async keepPictures() {
    const folder = process.env['ARTIFACTS'] ?? tmpdir()
    for (const { label, page } of this.pages) {
      const path = join(folder, `story-${this.failed}-${label}.png`)
      await page.screenshot({ path }).then(
        () => console.log(`      picture of ${label}: ${path}`),
        (error) => console.log(`      no picture of ${label}: ${error.message}`),
      )
    }
  }

  summarise() {
    console.log(`${this.passed} passed, ${this.failed} failed`)
  }
}
