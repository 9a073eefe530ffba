// One file for the build, so that the dialogs of the frame are loaded together.

export { DisplayDialog } from "./display.tsx";
export { ShortcutDialog } from "./help.tsx";
export { HowToClose } from "./how-to-close.tsx";
export { SignOutDialog } from "./sign-out.tsx";
