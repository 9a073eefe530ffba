import { signal } from "@preact/signals";

export interface Toast {
  readonly text: string;
  readonly undo?: () => void;
}

/** The one toast that is shown. */
export const toast = signal<Toast | undefined>(undefined);

export function say(text: string, undo?: () => void): void {
  toast.value = undo === undefined ? { text } : { text, undo };
}
