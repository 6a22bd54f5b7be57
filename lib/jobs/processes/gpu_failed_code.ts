/** Exit code of a compute process whose GPU failed: the next one is started without it. */
export const GPU_FAILED_CODE = 86;
