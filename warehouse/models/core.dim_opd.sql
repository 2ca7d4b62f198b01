/* ---
description: Organisasi perangkat daerah provinsi dengan kode SKPD bentuk SIPD.
grain: Satu baris per OPD
columns:
  kode_opd: {description: "Kode SKPD bentuk SIPD, misalnya 2.11.0.00.0.00.01.0000; selalu teks.", classification: public}
  nama_opd: {description: Nama resmi OPD., classification: public}
  singkatan: {description: Singkatan yang biasa dipakai., classification: public}
  kode_bidang_urusan: {description: "Bidang urusan pertama OPD, misalnya 2.11.", classification: public}
  dasar: {description: sumber bila dari sumber publik dan asumsi bila belum., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    kode_opd,
    nama_opd,
    singkatan,
    left(kode_opd, 4) AS kode_bidang_urusan,
    dasar,
    _asal AS asal_data
FROM source.referensi__opd
