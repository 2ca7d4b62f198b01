/* ---
description: >-
  Usulan pokir pada setiap hari penarikan dengan tempat, dapil dan tahapnya. Tahap dibaca dari rekomendasi yang terisi di atas
  nol dan dari id_sub_bl, karena arti nomor status SIPD belum terdokumentasi.
grain: Satu baris per tanggal potret dan usulan
partition: tanggal
columns:
  tanggal: {description: Tanggal (WIB) daftar usulan ditarik., classification: public}
  id_usulan: {description: Nomor tetap usulan di SIPD., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  tanggal_usul: {description: Tanggal usulan dibuat., classification: public}
  id_pengusul: {description: Nomor anggota DPRD pengusul di SIPD., classification: internal}
  pengusul: {description: Nama anggota DPRD pengusul., classification: internal}
  fraksi_dewan: {description: Fraksi pengusul., classification: public}
  kode_opd: {description: Kode SKPD tujuan menurut SIPD., classification: public}
  nama_opd: {description: "Nama OPD dari core.dim_opd; bila kodenya belum dikenal, nama dari SIPD.", classification: public}
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
WITH lokasi AS (
    SELECT kk.id_kab_kota, kk.kode_bps, w.kode_kemendagri, w.nama AS nama_wilayah, d.no_dapil
    FROM source.epokir__lokasi_sipd AS kk
    LEFT JOIN source.referensi__wilayah AS w ON w.kode_bps = kk.kode_bps
    LEFT JOIN (
        SELECT kode_bps, min(no_dapil) AS no_dapil
        FROM source.referensi__dapil
        WHERE cakupan = 'utuh'
        GROUP BY kode_bps
        HAVING count(*) = 1
    ) AS d ON d.kode_bps = kk.kode_bps
    WHERE kk.id_kecamatan = 0
),

kecamatan AS (
    SELECT kc.id_kab_kota, kc.id_kecamatan, k.nama, k.no_dapil
    FROM source.epokir__lokasi_sipd AS kc
    INNER JOIN source.referensi__kecamatan_dapil AS k ON k.kode_kemendagri = kc.kode_kemendagri
    WHERE kc.id_kecamatan <> 0
),

usulan AS (
    SELECT
        *,
        CASE
            WHEN id_sub_bl IS NOT NULL THEN 6
            WHEN rekom_tapd_anggaran > 0 THEN 5
            WHEN rekom_skpd_anggaran > 0 THEN 4
            WHEN rekom_mitra_anggaran > 0 THEN 3
            WHEN rekom_setwan_anggaran > 0 THEN 2
            ELSE 1
        END AS urutan_tahap
    FROM source.epokir__usulan_pokir
)
SELECT
    u.tanggal_potret AS tanggal,
    u.id_usulan,
    u.tahun_anggaran,
    u.tanggal_usul,
    u.id_pengusul,
    u.pengusul,
    u.fraksi_dewan,
    u.kode_skpd AS kode_opd,
    coalesce(o.nama_opd, u.nama_skpd) AS nama_opd,
    u.bidang_urusan,
    u.giat_teks AS kegiatan,
    u.jenis_belanja,
    l.kode_bps,
    l.kode_kemendagri,
    l.nama_wilayah,
    k.nama AS kecamatan,
    coalesce(l.no_dapil, k.no_dapil) AS no_dapil,
    u.koefisien AS volume_usulan,
    u.anggaran,
    u.rekom_setwan_anggaran AS rekom_setwan,
    u.rekom_mitra_anggaran AS rekom_mitra,
    u.rekom_skpd_anggaran AS rekom_skpd,
    u.rekom_tapd_anggaran AS rekom_tapd,
    ['usulan', 'setwan', 'mitra', 'skpd', 'tapd', 'rkpd'][u.urutan_tahap] AS tahap,
    CAST(u.urutan_tahap AS INTEGER) AS urutan_tahap,
    CASE
        WHEN u.is_tolak THEN 'ditolak'
        WHEN u.is_batal THEN 'dibatalkan'
        WHEN u.urutan_tahap = 6 THEN 'rkpd'
        ELSE 'berjalan'
    END AS keadaan,
    u.status_usul_teks AS status_sipd,
    u.is_batal,
    u.is_tolak,
    CASE WHEN u.is_tolak THEN u.tolak_teks WHEN u.is_batal THEN u.batal_teks END AS alasan,
    u._asal AS asal_data
FROM usulan AS u
LEFT JOIN lokasi AS l ON l.id_kab_kota = u.id_kab_kota
LEFT JOIN kecamatan AS k ON k.id_kab_kota = u.id_kab_kota AND k.id_kecamatan = u.id_kecamatan
LEFT JOIN source.referensi__opd AS o ON o.kode_opd = u.kode_skpd
