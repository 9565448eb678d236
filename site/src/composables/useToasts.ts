import { computed, shallowReadonly, shallowRef } from 'vue'

/** How long a removal can be undone from the page. */
export const TOAST_MS = 8_000

/** Messages of one group are shown as one. */
export type ToastGroup = 'removals' | 'generations'

export interface Toast {
  readonly id: number
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void } | undefined
  readonly group?: ToastGroup | undefined
}

/** What is shown as one message. */
export interface ToastStack {
  readonly newest: Toast
  readonly others: readonly Toast[]
  /** The newest first. */
  readonly all: readonly Toast[]
}

/** Short messages that go away by themselves, but not while somebody is reading or reaching for one. */
export function useToasts() {
  const toasts = shallowRef<readonly Toast[]>([])
  const timers = new Map<number, ReturnType<typeof setTimeout>>()
  let lastId = 0
  let isHeld = false

  function show(text: string, action?: Toast['action'], group?: ToastGroup): Toast {
    const toast: Toast = { id: (lastId += 1), text, action, group }
    toasts.value = [...toasts.value, toast]
    startTimer(toast)
    return toast
  }
  function startTimer(toast: Toast): void {
    if (!isHeld) {
      timers.set(
        toast.id,
        setTimeout(() => dismiss(toast), TOAST_MS),
      )
    }
  }
  function dismiss(toast: Toast): void {
    clearTimeout(timers.get(toast.id))
    timers.delete(toast.id)
    toasts.value = toasts.value.filter((other) => other !== toast)
    // A pointer that rested on the last one cannot leave it any more.
    isHeld &&= toasts.value.length > 0
  }
  function act(toast: Toast): void {
    dismiss(toast)
    toast.action?.run()
  }
  /** Does what the newest message offers; returns whether there was one that offers anything. */
  function actOnNewest(): boolean {
    const newest = toasts.value.findLast((toast) => toast.action)
    if (newest) {
      act(newest)
    }
    return newest !== undefined
  }
  function hold(): void {
    isHeld = true
    timers.forEach((timer) => clearTimeout(timer))
  }
  function release(): void {
    isHeld = false
    toasts.value.forEach(startTimer)
  }

  const stacks = computed(() => toStacks(toasts.value))

  return { toasts: shallowReadonly(toasts), stacks, show, dismiss, act, actOnNewest, hold, release }
}

export type Toasts = ReturnType<typeof useToasts>

function toStacks(toasts: readonly Toast[]): ToastStack[] {
  const groups = new Map<string | number, Toast[]>()
  for (const toast of toasts) {
    const key = toast.group ?? toast.id
    groups.set(key, [toast, ...(groups.get(key) ?? [])])
  }
  return [...groups.values()].flatMap((all) => {
    const [newest, ...others] = all
    return newest ? [{ newest, others, all }] : []
  })
}
