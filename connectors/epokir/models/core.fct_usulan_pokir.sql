/* ---
description: >-
  Keadaan terakhir setiap usulan pokir, diambil dari potret terbaru tahun anggarannya. Usulan yang sudah tidak ada di potret itu
  tidak dimuat; lihat core.fct_riwayat_usulan_pokir dengan jenis_perubahan = hilang.
grain: Satu baris per usulan
columns:
  tanggal: {description: Tanggal (WIB) potret terbaru tahun anggaran itu., classification: public}
  id_usulan: {description: Nomor tetap usulan di SIPD., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  tanggal_usul: {description: Tanggal usulan dibuat., classification: public}
  id_pengusul: {description: Nomor anggota DPRD pengusul di SIPD., classification: internal}
  pengusul: {description: Nama anggota DPRD pengusul., classification: internal}
  fraksi_dewan: {description: Fraksi pengusul., classification: public}
  kode_opd: {description: Kode SKPD tujuan menurut SIPD., classification: public}
  nama_opd: {description: Nama OPD tujuan., classification: public}
  bidang_urusan: {description: Bidang urusan pemerintahan., classification: public}
  kegiatan: {description: Kegiatan dari kamus usulan., classification: internal}
  jenis_belanja: {description: Jenis belanja., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota lokasi usulan., classification: public}
  kode_kemendagri: {description: Kode Kemendagri kabupaten/kota lokasi usulan., classification: public}
  nama_wilayah: {description: Nama baku kabupaten/kota lokasi usulan., classification: public}
  kecamatan: {description: Kecamatan bila kabupaten/kotanya terbagi atas beberapa dapil., classification: public}
  no_dapil: {description: Dapil lokasi usulan; kosong bila lokasi tidak cukup untuk menentukannya., classification: public}
  volume_usulan: {description: Volume yang diusulkan dengan satuannya., classification: internal}
  anggaran: {description: Nilai yang diusulkan., satuan: Rp, classification: public}
  rekom_setwan: {description: Nilai rekomendasi Sekretariat DPRD., satuan: Rp, classification: public}
  rekom_mitra: {description: Nilai rekomendasi mitra Bappeda., satuan: Rp, classification: public}
  rekom_skpd: {description: Nilai rekomendasi SKPD., satuan: Rp, classification: public}
  rekom_tapd: {description: Nilai rekomendasi TAPD., satuan: Rp, classification: public}
  tahap: {description: "Tahap terjauh yang dilewati: usulan, setwan, mitra, skpd, tapd atau rkpd.", classification: public}
  urutan_tahap: {description: Urutan tahap 1 (usulan) sampai 6 (rkpd)., classification: public}
  keadaan: {description: "berjalan, rkpd, ditolak atau dibatalkan.", classification: public}
  status_sipd: {description: Status menurut SIPD., classification: public}
  is_batal: {description: Benar bila dibatalkan pengusul., classification: public}
  is_tolak: {description: Benar bila ditolak., classification: public}
  alasan: {description: Alasan penolakan atau pembatalan., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH terbaru AS (
    SELECT tahun_anggaran, max(tanggal) AS tanggal
    FROM core.fct_potret_usulan_pokir
    GROUP BY tahun_anggaran
)
SELECT p.*
FROM core.fct_potret_usulan_pokir AS p
INNER JOIN terbaru AS t ON t.tahun_anggaran = p.tahun_anggaran AND t.tanggal = p.tanggal
