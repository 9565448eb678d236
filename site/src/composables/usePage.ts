import { inject, nextTick, onScopeDispose, provide, shallowReactive, type InjectionKey } from 'vue'

import type { Factory } from '@/api/factory'

import type { Change } from './knownFactories'
import { useAnnouncements, type Announcements } from './useAnnouncements'
import { useEditors, type EditorKind, type Editors } from './useEditors'
import type { FactoryTree } from './useFactoryTree'
import { useToasts, type Toasts } from './useToasts'
import { useShownRows, type ShownRows } from './useShownRows'
import { useTreeFocus, type TreeFocus } from './useTreeFocus'

/** How long a row that others changed stands out. */
const RECENT_MS = 2_000

/** What belongs to this page alone: where the keyboard is, what is open, what is being edited. */
export interface Page {
  readonly rows: ShownRows
  readonly focus: TreeFocus
  readonly editors: Editors
  readonly toasts: Toasts
  readonly announcements: Announcements
  /** The factories that somebody else changed a moment ago. */
  readonly recent: ReadonlySet<string>
  edit(kind: EditorKind, factory: Factory): Promise<void>
  remove(factory: Factory): Promise<void>
  restoreOrphan(factory: Factory): Promise<void>
  tellOfRemoteChanges(changes: readonly Change[]): void
}

export function createPage(tree: FactoryTree): Page {
  const toasts = useToasts()
  const announcements = useAnnouncements()
  const { recent, markRecent } = useRecent()
  const editors = useEditors(tree.writes, {
    onSaved({ kind, base }) {
      if (kind === 'removal') {
        offerUndo(`Removed “${base.name}”.`, base)
      }
    },
    onLost: (reason) => tell(reason),
  })
  const rows = useShownRows(tree, editors)
  const focus = useTreeFocus(rows)

  function tell(text: string): void {
    toasts.show(text)
    announcements.announce(text)
  }
  function offerUndo(text: string, factory: Factory): void {
    toasts.show(text, { label: 'Undo', run: () => void restore(factory) })
    announcements.announce(`${text} Press Control Z to undo.`)
  }
  async function restore(factory: Factory): Promise<void> {
    const restored = restoreOrphan(factory)
    await nextTick()
    void focus.focus(factory.id)
    return restored
  }
  /** Brings a factory back under an editor, which keeps the keyboard. */
  async function restoreOrphan(factory: Factory): Promise<void> {
    const { kind, ...refusal } = await tree.writes.restore(factory)
    if (kind === 'saved') {
      announcements.announce(`Restored ${factory.name}.`)
    } else {
      const reason = 'reason' in refusal ? refusal.reason : ''
      tell(`“${factory.name}” could not be restored. ${reason}`)
    }
  }
  /** Starts from the row, wherever the button was: so the keyboard goes into the editor and back. */
  async function edit(kind: EditorKind, factory: Factory): Promise<void> {
    await focus.focus(factory.id)
    editors.open(kind, factory)
  }
  async function remove(factory: Factory): Promise<void> {
    await focus.focus(factory.id)
    rows.removeHere(factory.id)
    editors.save(editors.open('removal', factory), factory)
  }
  function tellOfRemoteChanges(changes: readonly Change[]): void {
    announcements.announceChanges(changes)
    changes.forEach(({ id, after }) => after && markRecent(id))
  }

  return {
    rows,
    focus,
    editors,
    toasts,
    announcements,
    recent,
    edit,
    remove,
    restoreOrphan,
    tellOfRemoteChanges,
  }
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
