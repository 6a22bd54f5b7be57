import type { H5Module } from "./hdf5_module.ts";
import type { ByteFile } from "../byte_file.ts";
import { isHeapCorrupted } from "./heap_corruption.ts";

const ENOENT = 44;
const EINVAL = 28;
const EIO = 29;
const FOLDER_MODE = 0o40555;
const FILE_MODE = 0o100444;

/** The parts of Emscripten's file system that a read-only mount touches. */
interface FileNode {
  id: number;
  mode: number;
  node_ops: unknown;
  stream_ops: unknown;
}

interface EmscriptenFileSystem {
  createNode(parent: FileNode | null, name: string, mode: number, dev: number): FileNode;
  mkdir(path: string): void;
  mount(type: { mount(): FileNode }, options: object, path: string): void;
  unmount(path: string): void;
  rmdir(path: string): void;
  ErrnoError: new (code: number) => Error;
}

/**
 * Shows the HDF5 library one file and nothing else: it runs on a file system in memory whose only file is this one,
 * so a link, a virtual dataset or external storage that names any other path finds nothing there, whatever the
 * process may read. Returns the path inside that file system and how to take it away again.
 */
export function mountSingleFile(module: H5Module, file: ByteFile): { path: string; unmount(): void } {
  const fs = module.FS as unknown as EmscriptenFileSystem;
  const folder = `/source-${crypto.randomUUID()}`;
  fs.mkdir(folder);
  fs.mount({ mount: () => createRoot(fs, file) }, {}, folder);
  return {
    path: `${folder}/file`,
    unmount() {
      fs.unmount(folder);
      fs.rmdir(folder);
    },
  };
}

function createRoot(fs: EmscriptenFileSystem, file: ByteFile): FileNode {
  const root = fs.createNode(null, "/", FOLDER_MODE, 0);
  const node = fs.createNode(root, "file", FILE_MODE, 0);
  root.node_ops = {
    getattr: (met: FileNode) => attributes(met, 4096),
    lookup() {
      throw new fs.ErrnoError(ENOENT);
    },
    readdir: () => [".", "..", "file"],
  };
  root.stream_ops = {};
  node.node_ops = { getattr: (met: FileNode) => attributes(met, file.sizeBytes) };
  node.stream_ops = {
    llseek(stream: { position: number }, offset: number, whence: number) {
      const position = offset + (whence === 1 ? stream.position : whence === 2 ? file.sizeBytes : 0);
      if (position < 0) throw new fs.ErrnoError(EINVAL);
      return position;
    },
    read(_stream: unknown, buffer: Int8Array, offset: number, length: number, position: number) {
      const count = Math.max(0, Math.min(length, file.sizeBytes - position));
      const into = new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset + offset, count);
      file.readInto(position, into);
      if (isHeapCorrupted(into)) throw new fs.ErrnoError(EIO);
      return count;
    },
  };
  return root;
}

function attributes(node: FileNode, size: number) {
  const never = new Date(0);
  const owner = { nlink: 1, uid: 0, gid: 0, rdev: 0, dev: 1, ino: node.id, mode: node.mode };
  return { ...owner, size, blksize: 4096, blocks: Math.ceil(size / 4096), atime: never, mtime: never, ctime: never };
}
