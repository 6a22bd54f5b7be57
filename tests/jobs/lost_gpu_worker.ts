/** The compute process on a GPU that is lost at its first work: its device is destroyed as soon as it is there. */
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  device.destroy();
  return device;
};
await import("../../lib/jobs/compute_worker.ts");
