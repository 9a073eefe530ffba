import { lazy } from "../parts/lazy.tsx";

// Dialogs of the frame. Few visits need one, so each is loaded when it is opened.

export const DisplayDialog = lazy(async () => (await import("./all-dialogs.ts")).DisplayDialog);
export const ShortcutDialog = lazy(async () => (await import("./all-dialogs.ts")).ShortcutDialog);
export const SignOutDialog = lazy(async () => (await import("./all-dialogs.ts")).SignOutDialog);
export const HowToClose = lazy(async () => (await import("./all-dialogs.ts")).HowToClose);
