/** Where the visitor's API key is kept: session storage of this tab. */
export const KEY_SLOT = "loopscope.key";
