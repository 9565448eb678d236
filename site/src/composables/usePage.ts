import {
  inject,
  onScopeDispose,
  provide,
  shallowReactive,
  shallowRef,
  watch,
  type InjectionKey,
  type Ref,
} from 'vue'

import type { Factory } from '@/api/factory'

import { OPEN_TO_ALL, type Access } from './access'
import { describeSaved, type Editor, type EditorKind } from './editor'
import { isolate, withoutMarks } from './isolate'
import type { Change } from './knownFactories'
import { KEYS } from './platform'
import { useAnnouncements, type Announcements } from './useAnnouncements'
import { useCreation, type Creation } from './useCreation'
import { useDeepLink } from './useDeepLink'
import { useEditors, type Editors } from './useEditors'
import type { FactoryTree } from './useFactoryTree'
import { useSelection, type Selection } from './useSelection'
import { useToasts, type Toasts } from './useToasts'
import { useRestore } from './useRestore'
import { useShownRows, type ShownRows } from './useShownRows'
import { useTreeFocus, type TreeFocus } from './useTreeFocus'

/** How long a row that others changed stands out. */
const RECENT_MS = 2_000
/** How many writes to selected factories are under way together. */
const WRITES_AT_ONCE = 4

/** What belongs to this page alone: where the keyboard is, what is open, what is being edited. */
export interface Page {
  readonly access: Access
  readonly rows: ShownRows
  readonly focus: TreeFocus
  readonly selection: Selection
  readonly editors: Editors
  readonly creation: Creation
  readonly toasts: Toasts
  readonly announcements: Announcements
  /** The factories that somebody else changed a moment ago. */
  readonly recent: ReadonlySet<string>
  /** Whether the first rows have been painted: their tools, which are most of their elements, come after them. */
  readonly isPainted: Readonly<Ref<boolean>>
  edit(kind: EditorKind, factory: Factory): Promise<void>
  remove(factory: Factory): Promise<void>
  removeSelected(): Promise<void>
  /** Draws for every selected factory as many numbers anew as it has. */
  generateSelected(): Promise<void>
  restoreOrphan(factory: Factory): Promise<void>
  tellOfRemoteChanges(changes: readonly Change[]): void
  /** The actions that touch opens for one factory. */
  readonly sheet: Sheet
  copyLink(factory: Factory): Promise<void>
}

export interface Sheet {
  readonly id: Readonly<Ref<string | undefined>>
  open(id: string): void
  close(): void
}

export function createPage(tree: FactoryTree, access: Access = OPEN_TO_ALL): Page {
  const toasts = useToasts()
  const announcements = useAnnouncements()
  const { recent, markRecent } = useRecent()
  const editors = useEditors(tree.writes, { onSaved, onLost: tell })
  const creation = useCreation(tree, (name) => announcements.announce(`Created ${name}.`))
  const rows = useShownRows(tree, editors)
  const focus = useTreeFocus(rows)
  const selection = useSelection(rows)
  const { restore, restoreOrphan, settleRestore } = useRestore(tree, {
    focus,
    toasts,
    announcements,
    access,
  })

  function onSaved(editor: Editor): void {
    if (editor.kind === 'removal') {
      offerUndo(editor.base)
      return
    }
    announcements.announce(describeSaved(editor))
    const made = tree.rows.value.get(editor.base.id)?.factory
    if (editor.kind === 'numbers' && made) {
      offerOldNumbers(made)
    }
  }
  function tell(text: string): void {
    toasts.show(text)
    announcements.announce(withoutMarks(text))
  }
  /** What is open in a removed factory goes with it, and comes back with the undo. */
  function offerUndo(factory: Factory): void {
    const taken = editors.takeOff(factory.id)
    const text = `Removed “${isolate(factory.name)}”.`
    const run = () => {
      editors.putBack(taken)
      void restore(factory)
    }
    toasts.show(text, { label: 'Undo', run }, 'removals')
    announcements.announce(`${withoutMarks(text)} Press ${KEYS.undo} to undo.`)
  }
  function offerOldNumbers(made: Factory): void {
    const { length } = made.numbers
    const numbers = length === 1 ? '1 number' : `${length} numbers`
    const run = () => void restoreNumbers(made)
    const text = `Generated ${numbers} for “${isolate(made.name)}”.`
    toasts.show(text, { label: 'Undo', run }, 'generations')
  }
  async function restoreNumbers(made: Factory): Promise<void> {
    const outcome = await tree.writes.restoreNumbers(made)
    const name = `“${isolate(made.name)}”`
    switch (outcome.kind) {
      case 'saved':
        return announcements.announce(`Brought back the earlier numbers of ${made.name}.`)
      case 'conflict':
        return tell(`Somebody else has generated numbers for ${name} since. They stay.`)
      case 'refused':
        return tell(`The earlier numbers of ${name} could not be brought back. ${outcome.reason}`)
    }
  }
  /** Starts from the row, wherever the button was: so the keyboard goes into the editor and back. */
  async function edit(kind: EditorKind, factory: Factory): Promise<void> {
    if (!access.mayWrite.value) {
      return
    }
    await focus.focus(factory.id)
    editors.open(kind, factory)
  }
  async function remove(factory: Factory): Promise<void> {
    if (!access.mayWrite.value) {
      return
    }
    await focus.focus(factory.id)
    rows.removeHere(factory.id)
    editors.save(editors.open('removal', factory), factory)
  }
  async function removeSelected(): Promise<void> {
    const selected = takeSelected()
    selected.forEach(({ id }) => rows.removeHere(id))
    await focus.focusNearest()
    return inTurn(selected, (factory) => editors.send(editors.open('removal', factory), factory))
  }
  async function generateSelected(): Promise<void> {
    return inTurn(takeSelected(), (factory) =>
      editors.send(editors.open('numbers', factory), factory),
    )
  }
  function takeSelected(): Factory[] {
    if (!access.mayWrite.value) {
      return []
    }
    const selected = selection.rows.value.filter(({ pending }) => pending !== 'creating')
    selection.clear()
    return selected.map(({ factory }) => factory).filter(({ id }) => !rows.isOrphan(id))
  }
  function tellOfRemoteChanges(changes: readonly Change[]): void {
    const foreign = changes.filter((change) => !settle(change))
    announcements.announceChanges(foreign)
    foreign.forEach(({ id, after }) => after && markRecent(id))
  }
  /** Takes a change for the late answer to a wish of this page, if it is one; returns whether it was. */
  function settle({ id, after }: Change): boolean {
    if (after) {
      return creation.isAwaited(id) || settleRestore(after) || editors.settle(after)
    }
    const removal = editors.find('removal', id)
    if (!removal?.unanswered) {
      return false
    }
    editors.close(removal)
    rows.removeHere(id)
    onSaved(removal)
    return true
  }
  const sheet = useSheet(focus)
  const { copyLink } = useDeepLink({ tree, focus, toasts, announcements })
  // A write that was under way when the page was left may have been granted meanwhile.
  watch(tree.isLoaded, () => {
    for (const id of editors.typed.value.keys()) {
      const row = tree.rows.value.get(id)
      if (row) {
        editors.settle(row.factory)
      }
    }
  })

  return {
    access,
    isPainted: usePainted(tree),
    rows,
    focus,
    selection,
    editors,
    creation,
    toasts,
    announcements,
    recent,
    edit,
    remove,
    removeSelected,
    generateSelected,
    restoreOrphan,
    tellOfRemoteChanges,
    sheet,
    copyLink,
  }
}

function useSheet(focus: TreeFocus): Sheet {
  const id = shallowRef<string>()
  return {
    id,
    open(opened) {
      id.value = opened
      focus.activate(opened)
    },
    close: () => void (id.value = undefined),
  }
}

/** Runs a write for each factory, a few at a time: the API refuses a crowd. */
async function inTurn(
  factories: readonly Factory[],
  write: (factory: Factory) => Promise<void>,
): Promise<void> {
  const left = [...factories]
  const runner = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      await write(next)
    }
  }
  await Promise.all(Array.from({ length: WRITES_AT_ONCE }, runner))
}

function usePainted(tree: FactoryTree): Readonly<Ref<boolean>> {
  const isPainted = shallowRef(false)
  watch(tree.isLoaded, () => {
    // A frame begins with its callbacks: what a timer does comes after the frame.
    requestAnimationFrame(() => setTimeout(() => (isPainted.value = true)))
  })
  return isPainted
}

function useRecent() {
  const recent = shallowReactive(new Set<string>())
  const timers = new Map<string, ReturnType<typeof setTimeout>>()

  function markRecent(id: string): void {
    clearTimeout(timers.get(id))
    recent.add(id)
    timers.set(
      id,
      setTimeout(() => {
        recent.delete(id)
        timers.delete(id)
      }, RECENT_MS),
    )
  }
  onScopeDispose(() => timers.forEach((timer) => clearTimeout(timer)))

  return { recent, markRecent }
}

const pageKey: InjectionKey<Page> = Symbol('page')

export function providePage(page: Page): void {
  provide(pageKey, page)
}

export function usePage(): Page {
  const page = inject(pageKey)
  if (!page) {
    throw new Error('usePage needs a providePage above it')
  }
  return page
}
