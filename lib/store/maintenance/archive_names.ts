/** All that a backup holds: no more is put into an archive, and an archive cannot name anything else. */
export const ARCHIVE_NAMES = new RegExp(
  "^(?:blobs/[0-9a-f]{2}/[0-9a-f]{64}" +
    "|cubes/[a-z0-9_]+/(?:cube\\.json|values\\.f32|mask\\.u8|maps/[0-9]+\\.f32)" +
    "|models/[a-z0-9][a-z0-9._-]{0,63}/[1-9][0-9]*/[a-z0-9_][a-z0-9._-]{0,99}" +
    "|jobs/[a-z0-9_]+/checkpoint|hmac\\.key|demo-added|SHA256SUMS|loopscope\\.db)$",
);
