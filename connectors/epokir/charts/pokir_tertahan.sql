/* ---
description: >-
  Usulan pokir yang masih berjalan dan hari sejak tahapnya terakhir terlihat berubah. Bila riwayat tidak memuat perubahan
  itu, dihitung dari potret pertama, atau dari tanggal usul bila masih di tahap usulan, dan paling_sedikit benar.
grain: Satu baris per usulan yang masih berjalan
halaman: pokir
urutan: 30
per: per_tanggal
tampil: [id_usulan, kegiatan, tahap, menunggu, opd, dapil, fraksi, anggaran, hari_diam, paling_sedikit]
susun: ["-hari_diam", "-anggaran"]
baris: {id_usulan: id_usulan}
columns:
  per_tanggal: {description: Tanggal (WIB) potret., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  id_usulan: {description: Nomor tetap usulan di SIPD., classification: public}
  tahap: {description: Tahap terjauh yang dilewati., classification: public}
  urutan_tahap: {description: Urutan tahap 1 (usulan) sampai 6 (rkpd)., classification: public}
  menunggu: {description: Siapa yang ditunggu., classification: public}
  opd: {description: Nama OPD tujuan., classification: public}
  dapil: {description: Nama dapil atau belum diketahui., classification: public}
  fraksi: {description: Fraksi pengusul., classification: public}
  pengusul: {description: Nama anggota DPRD pengusul., classification: internal}
  kegiatan: {description: Kegiatan dari kamus usulan., classification: internal}
  anggaran: {description: Nilai yang diusulkan., satuan: Rp, classification: public}
  sejak: {description: Tanggal tahapnya terakhir terlihat berubah., classification: public}
  hari_diam: {description: Hari sejak itu., satuan: hari, classification: public}
  paling_sedikit: {description: Benar bila perubahan terakhir tidak terlihat dan hari_diam adalah batas bawah., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH gerak AS (
    SELECT
        id_usulan,
        tahun_anggaran,
        max(tanggal) FILTER (WHERE jenis_perubahan IN ('baru', 'berubah') AND tahap IS DISTINCT FROM tahap_sebelumnya)
            AS berubah,
        min(tanggal) AS pertama
    FROM core.fct_riwayat_usulan_pokir
    GROUP BY id_usulan, tahun_anggaran
)
SELECT
    u.tanggal AS per_tanggal,
    u.tahun_anggaran,
    u.id_usulan,
    u.tahap,
    u.urutan_tahap,
    ['Sekretariat DPRD', 'Bappelitbang (mitra)', u.nama_opd, 'TAPD', 'penetapan RKPD'][u.urutan_tahap] AS menunggu,
    u.nama_opd AS opd,
    coalesce(d.nama_dapil, 'belum diketahui') AS dapil,
    coalesce(u.fraksi_dewan, 'belum diketahui') AS fraksi,
    u.pengusul,
    u.kegiatan,
    u.anggaran,
    coalesce(g.berubah, CASE WHEN u.urutan_tahap = 1 THEN u.tanggal_usul END, g.pertama) AS sejak,
    CAST(
        u.tanggal - coalesce(g.berubah, CASE WHEN u.urutan_tahap = 1 THEN u.tanggal_usul END, g.pertama) AS INTEGER
    ) AS hari_diam,
    g.berubah IS NULL AND (u.urutan_tahap > 1 OR u.tanggal_usul IS NULL) AS paling_sedikit,
    u.asal_data,
    'epokir.usulan_pokir' AS dataset,
    CAST(u.tanggal AS VARCHAR) AS partisi
FROM core.fct_usulan_pokir AS u
LEFT JOIN gerak AS g ON g.id_usulan = u.id_usulan AND g.tahun_anggaran = u.tahun_anggaran
LEFT JOIN core.dim_dapil AS d ON d.no_dapil = u.no_dapil
WHERE u.keadaan = 'berjalan'
