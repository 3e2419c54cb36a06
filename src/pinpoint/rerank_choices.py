"""What chapter 6 chose on the development split (`recipes.rerank_tuning`), in one place."""

from pinpoint.rerank_training import Negatives

FILTER_RATE = 1e-3  # learning rate of stage 1
IN_BATCH_RATE = 1e-3  # of stage 2 as released
HARD_RATE = 1e-3  # of stage 2 with hard negatives
NEGATIVES = Negatives(7)  # of the re-ranker that is shipped
ALPHA = 0.5  # weight of stage 1's score in the fusion
KS = (5, 10, 20, 50, 100, 200)  # candidates that stage 2 looks at
K = 50  # as released for CIRR; 100 for FashionIQ
