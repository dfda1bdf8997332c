"""Files of one's own: in a folder, in S3-compatible storage, or at the other end of SFTP."""
