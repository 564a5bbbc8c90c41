DROP TABLE embed_files;
