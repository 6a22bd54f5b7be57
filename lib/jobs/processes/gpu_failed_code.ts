/** With this code a compute process says that its GPU failed: whoever starts the next one asks for no GPU. */
export const GPU_FAILED_CODE = 86;
