// Pages that are seldom shown are one file of the build: each file costs some 200 bytes, and what
// is alike in them is compressed together.

export * as audit from "./pages/audit/page.tsx";
export * as conversation from "./pages/conversation/page.tsx";
export * as exports from "./pages/exports/page.tsx";
export * as health from "./pages/health/page.tsx";
export * as keys from "./pages/keys/page.tsx";
export * as rejected from "./pages/rejected/page.tsx";
export * as senders from "./pages/senders/page.tsx";
export * as sources from "./pages/sources/page.tsx";
