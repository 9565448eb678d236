import { nextTick } from 'vue'

import type { Factory } from '@/api/factory'

import type { Access } from './access'
import { isolate, withoutMarks } from './isolate'
import type { Announcements } from './useAnnouncements'
import type { FactoryTree } from './useFactoryTree'
import type { Toast, Toasts } from './useToasts'
import type { TreeFocus } from './useTreeFocus'

interface RestoreSurroundings {
  readonly focus: TreeFocus
  readonly toasts: Toasts
  readonly announcements: Announcements
  readonly access: Access
}

/** Brings removed factories back. What failed can be tried again; what worked after all is not called failed. */
export function useRestore(
  { writes }: FactoryTree,
  { focus, toasts, announcements, access }: RestoreSurroundings,
) {
  /** The messages about restores that failed, by factory. */
  const failures = new Map<string, Toast>()

  /** Brings a factory back and moves the keyboard to it. */
  async function restore(factory: Factory): Promise<void> {
    const restored = restoreOrphan(factory)
    await nextTick()
    void focus.focus(factory.id)
    return restored
  }
  /** Brings a factory back under an editor, which keeps the keyboard. */
  async function restoreOrphan(factory: Factory): Promise<void> {
    forget(factory.id)
    const outcome = await writes.restore(factory)
    if (outcome.kind === 'saved') {
      announcements.announce(`Restored ${factory.name}.`)
      return
    }
    const reason = outcome.kind === 'refused' ? outcome.reason : ''
    const text = `“${isolate(factory.name)}” could not be restored. ${reason}`
    const isSignedOut = outcome.kind === 'refused' && outcome.isSignedOut
    const again = isSignedOut
      ? { label: 'Sign in', run: access.signIn }
      : { label: 'Try again', run: () => void restore(factory) }
    failures.set(factory.id, toasts.show(text, again))
    announcements.announce(withoutMarks(text))
  }
  /** Takes a factory that is back for the late answer to a restore, if there was one; returns whether there was. */
  function settleRestore({ id, name }: Factory): boolean {
    const wasAwaited = forget(id)
    if (wasAwaited) {
      announcements.announce(`Restored ${name}.`)
    }
    return wasAwaited
  }
  function forget(id: string): boolean {
    const toast = failures.get(id)
    if (toast) {
      toasts.dismiss(toast)
    }
    return failures.delete(id)
  }

  return { restore, restoreOrphan, settleRestore }
}
