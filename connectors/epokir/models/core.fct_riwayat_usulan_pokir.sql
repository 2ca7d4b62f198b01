/* ---
description: >-
  Riwayat usulan pokir: hanya usulan yang berubah dibanding potret sebelumnya dari tahun anggaran yang sama. Potret sebelumnya
  dicari paling jauh 31 hari ke belakang, supaya satu hari dapat dihitung ulang tanpa membaca seluruh riwayat; bila tidak ada,
  semua usulan hari itu dicatat sebagai keadaan awal.
grain: Satu baris per tanggal potret dan usulan yang berubah
partition: tanggal
lookback_days: 31
columns:
  tanggal: {description: Tanggal potret tempat perubahan pertama kali terlihat., classification: public}
  id_usulan: {description: Nomor tetap usulan di SIPD., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  jenis_perubahan: {description: "awal (tidak ada potret 31 hari ke belakang), baru, berubah atau hilang.", classification: public}
  tanggal_sebelumnya: {description: Tanggal potret pembanding., classification: public}
  bidang_berubah: {description: "Kolom yang berubah; kosong kecuali untuk jenis berubah.", classification: public}
  tahap: {description: Tahap terjauh yang dilewati; untuk hilang keadaan terakhirnya., classification: public}
  tahap_sebelumnya: {description: Tahap pada potret pembanding., classification: public}
  keadaan: {description: "berjalan, rkpd, ditolak atau dibatalkan.", classification: public}
  keadaan_sebelumnya: {description: Keadaan pada potret pembanding., classification: public}
  status_sipd: {description: Status menurut SIPD., classification: public}
  kode_opd: {description: Kode SKPD tujuan menurut SIPD., classification: public}
  kode_opd_sebelumnya: {description: Kode SKPD pada potret pembanding., classification: public}
  anggaran: {description: Nilai yang diusulkan., satuan: Rp, classification: public}
  rekom_setwan: {description: Nilai rekomendasi Sekretariat DPRD., satuan: Rp, classification: public}
  rekom_mitra: {description: Nilai rekomendasi mitra Bappeda., satuan: Rp, classification: public}
  rekom_skpd: {description: Nilai rekomendasi SKPD., satuan: Rp, classification: public}
  rekom_tapd: {description: Nilai rekomendasi TAPD., satuan: Rp, classification: public}
  alasan: {description: Alasan penolakan atau pembatalan., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH potret AS (
    SELECT
        tahun_anggaran,
        tanggal,
        lag(tanggal) OVER (PARTITION BY tahun_anggaran ORDER BY tanggal) AS terdekat
    FROM (SELECT DISTINCT tahun_anggaran, tanggal FROM core.fct_potret_usulan_pokir) AS hari
),

pembanding AS (
    SELECT
        tahun_anggaran,
        tanggal,
        CASE WHEN terdekat >= tanggal - 31 THEN terdekat END AS tanggal_sebelumnya
    FROM potret
),

kini AS (
    SELECT b.tanggal_sebelumnya, p.*
    FROM core.fct_potret_usulan_pokir AS p
    INNER JOIN pembanding AS b ON b.tahun_anggaran = p.tahun_anggaran AND b.tanggal = p.tanggal
),

lalu AS (
    SELECT b.tanggal AS tanggal_kini, p.*
    FROM core.fct_potret_usulan_pokir AS p
    INNER JOIN pembanding AS b ON b.tahun_anggaran = p.tahun_anggaran AND b.tanggal_sebelumnya = p.tanggal
),

banding AS (
    SELECT
        coalesce(kini.tanggal, lalu.tanggal_kini) AS tanggal,
        coalesce(kini.id_usulan, lalu.id_usulan) AS id_usulan,
        coalesce(kini.tahun_anggaran, lalu.tahun_anggaran) AS tahun_anggaran,
        CASE
            WHEN kini.id_usulan IS NULL THEN 'hilang'
            WHEN kini.tanggal_sebelumnya IS NULL THEN 'awal'
            WHEN lalu.id_usulan IS NULL THEN 'baru'
            ELSE 'berubah'
        END AS jenis_perubahan,
        coalesce(kini.tanggal_sebelumnya, lalu.tanggal) AS tanggal_sebelumnya,
        CASE
            WHEN kini.id_usulan IS NOT NULL AND lalu.id_usulan IS NOT NULL THEN list_filter(
                [
                    CASE WHEN kini.tahap IS DISTINCT FROM lalu.tahap THEN 'tahap' END,
                    CASE WHEN kini.keadaan IS DISTINCT FROM lalu.keadaan THEN 'keadaan' END,
                    CASE WHEN kini.status_sipd IS DISTINCT FROM lalu.status_sipd THEN 'status_sipd' END,
                    CASE WHEN kini.kode_opd IS DISTINCT FROM lalu.kode_opd THEN 'kode_opd' END,
                    CASE WHEN kini.kode_bps IS DISTINCT FROM lalu.kode_bps THEN 'kode_bps' END,
                    CASE WHEN kini.no_dapil IS DISTINCT FROM lalu.no_dapil THEN 'no_dapil' END,
                    CASE WHEN kini.kegiatan IS DISTINCT FROM lalu.kegiatan THEN 'kegiatan' END,
                    CASE WHEN kini.volume_usulan IS DISTINCT FROM lalu.volume_usulan THEN 'volume_usulan' END,
                    CASE WHEN kini.anggaran IS DISTINCT FROM lalu.anggaran THEN 'anggaran' END,
                    CASE WHEN kini.rekom_setwan IS DISTINCT FROM lalu.rekom_setwan THEN 'rekom_setwan' END,
                    CASE WHEN kini.rekom_mitra IS DISTINCT FROM lalu.rekom_mitra THEN 'rekom_mitra' END,
                    CASE WHEN kini.rekom_skpd IS DISTINCT FROM lalu.rekom_skpd THEN 'rekom_skpd' END,
                    CASE WHEN kini.rekom_tapd IS DISTINCT FROM lalu.rekom_tapd THEN 'rekom_tapd' END
                ],
                lambda x : x IS NOT NULL
            )
        END AS berubah,
        coalesce(kini.tahap, lalu.tahap) AS tahap,
        lalu.tahap AS tahap_sebelumnya,
        coalesce(kini.keadaan, lalu.keadaan) AS keadaan,
        lalu.keadaan AS keadaan_sebelumnya,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.status_sipd ELSE kini.status_sipd END AS status_sipd,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.kode_opd ELSE kini.kode_opd END AS kode_opd,
        lalu.kode_opd AS kode_opd_sebelumnya,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.anggaran ELSE kini.anggaran END AS anggaran,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.rekom_setwan ELSE kini.rekom_setwan END AS rekom_setwan,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.rekom_mitra ELSE kini.rekom_mitra END AS rekom_mitra,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.rekom_skpd ELSE kini.rekom_skpd END AS rekom_skpd,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.rekom_tapd ELSE kini.rekom_tapd END AS rekom_tapd,
        CASE WHEN kini.id_usulan IS NULL THEN lalu.alasan ELSE kini.alasan END AS alasan,
        coalesce(kini.asal_data, lalu.asal_data) AS asal_data
    FROM kini
    FULL OUTER JOIN lalu
        ON lalu.tanggal_kini = kini.tanggal
        AND lalu.tahun_anggaran = kini.tahun_anggaran
        AND lalu.id_usulan = kini.id_usulan
)
SELECT
    tanggal,
    id_usulan,
    tahun_anggaran,
    jenis_perubahan,
    tanggal_sebelumnya,
    array_to_string(berubah, ', ') AS bidang_berubah,
    tahap,
    tahap_sebelumnya,
    keadaan,
    keadaan_sebelumnya,
    status_sipd,
    kode_opd,
    kode_opd_sebelumnya,
    anggaran,
    rekom_setwan,
    rekom_mitra,
    rekom_skpd,
    rekom_tapd,
    alasan,
    asal_data
FROM banding
WHERE jenis_perubahan <> 'berubah' OR len(berubah) > 0
